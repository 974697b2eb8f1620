"""Unit (pure): limits in charts are those that checks have."""

from __future__ import annotations

import math

from trio_lab.experiments.cases.starvation import EXPERIMENT, _bounds


def test_the_limits_in_the_chart_of_storms_are_the_bounds_of_its_checks() -> None:
    rules = _bounds(100.0)
    in_storms = {check.bound for check in EXPERIMENT.checks if check.figure.endswith("_in_storms")}
    assert {rule.at / 100.0 for rule in rules} == in_storms
    assert {rule.axis for rule in rules} == {"y"}


def test_storms_that_were_not_measured_have_no_limits() -> None:
    assert _bounds(math.nan) == []
