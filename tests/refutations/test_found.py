"""Unit: when a plant counts as noticed, and what the table tells of it."""

from __future__ import annotations

import pytest

from tests.experiments.taken import taken
from trio_lab.experiments.cases.blocked_loop import EXPERIMENT
from trio_lab.experiments.verdict import result_of
from trio_lab.records.conditions import Disturbance
from trio_lab.records.result import ExperimentResult

from . import page
from .found import Found
from .plants import PLANTS

GOOD = {"loop_in_hashes": 6.0, "pool_in_hashes": 0.1, "loop_utilization": 1.0}


def result(disturbance: Disturbance = "none", **bad: float) -> ExperimentResult:
    """Of six rounds, with the figures of a good one but for these."""
    figures = dict.fromkeys(EXPERIMENT.declared("trio"), 1.0) | GOOD | bad
    return result_of(EXPERIMENT, [taken(figures, disturbance)] * 6, runtime="trio", duration=1.0)


def found(changed: ExperimentResult, unchanged: ExperimentResult) -> Found:
    return Found(plant=PLANTS["blocked-loop"], changed=changed, unchanged=unchanged)


@pytest.mark.parametrize(
    ("both", "holds"),
    [
        pytest.param(found(result(pool_in_hashes=2.0), result()), True, id="noticed"),
        pytest.param(found(result(), result()), False, id="not noticed"),
        pytest.param(found(result(loop_in_hashes=0.1), result()), False, id="refuted for another reason"),
        pytest.param(found(result(pool_in_hashes=2.0), result(pool_in_hashes=2.0)), False, id="refuted anyway"),
        pytest.param(found(result("much", pool_in_hashes=2.0), result("much")), True, id="busy, noticed"),
        pytest.param(found(result("much"), result("much")), False, id="busy, not noticed"),
        pytest.param(
            found(result("much", pool_in_hashes=2.0), result("much", pool_in_hashes=2.0)), False, id="busy, anyway"
        ),
    ],
)
def test_a_plant_is_noticed_by_its_check_and_only_with_it(both: Found, holds: bool) -> None:
    assert both.holds is holds


def test_rounds_that_do_not_count_are_told() -> None:
    quiet = page.row("blocked-loop", found(result(pool_in_hashes=2.0), result()))
    busy = page.row("blocked-loop", found(result("much", pool_in_hashes=2.0), result("much")))
    assert "| refuted | /health p90 beside /hash ÷ one hash: 2×, not < 0.5× | confirmed |" in quiet
    assert "| refuted, all rounds | /health p90 beside /hash ÷ one hash: 2×, not < 0.5× | undecided |" in busy


def test_a_check_that_held_although_its_plant_was_in_is_not_told_as_failed() -> None:
    row = page.row("blocked-loop", found(result(), result()))
    assert "| confirmed | /health p90 beside /hash ÷ one hash: 0.1×, < 0.5× | confirmed |" in row


def test_a_line_of_the_table_replaces_the_one_before() -> None:
    text = f"# Refutations\n\n{page._RULE}"
    for name, where in (("starvation", "a"), ("blocked-loop", "a"), ("blocked-loop", "b")):
        text = page.with_row(text, name, f"| [{name}]({where}) |")
    assert text.endswith("|\n| [blocked-loop](b) |\n| [starvation](a) |\n")
    assert list(page.rows(text)) == ["blocked-loop", "starvation"]
