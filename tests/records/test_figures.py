"""Figures are declared: a check of another one is an error, and so is a result with more or fewer."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from trio_lab.diagnose.judge import checked
from trio_lab.drills.catalog import DRILLS
from trio_lab.experiments.catalog import EXPERIMENTS
from trio_lab.experiments.model import Collected, Experiment
from trio_lab.http.runtimes import RUNTIMES
from trio_lab.records.chart import Rule
from trio_lab.records.figures import (
    Check,
    Compared,
    Measures,
    measured,
    names_of,
    of_each,
    require_all,
    require_declared,
)

MEASURES: Measures[float] = {"speed": lambda found: 1 / found, "waited": lambda found: found or None}


def test_figures_are_declared_by_name_or_with_the_way_to_them() -> None:
    assert names_of(("a", "b")) == ("a", "b")
    assert names_of(MEASURES) == tuple(measured(MEASURES, 0.5)) == ("speed", "waited")
    assert measured(MEASURES, 0.5) == {"speed": 2, "waited": 0.5}


def test_each_of_several_runs_has_the_same_figures() -> None:
    each = of_each(("one", "two"), {"{}_ms": lambda run: run * 1e3, "p50_{}": lambda run: run})
    assert measured(each, {"one": 1, "two": 2}) == {"one_ms": 1e3, "p50_one": 1, "two_ms": 2e3, "p50_two": 2}


def test_a_name_declared_twice_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="declared twice: a"):
        names_of(("a", "b", "a"))


def test_what_is_found_must_be_what_is_declared() -> None:
    require_all(["b", "a"], ("a", "b"))
    require_declared(["a"], ("a", "b"))
    with pytest.raises(ValueError, match="not declared: c"):
        require_all(["a", "b", "c"], ("a", "b"))
    with pytest.raises(ValueError, match="declared and not measured: b; a figure without a value is None"):
        require_all(["a"], ("a", "b"))


async def _never(stage: object) -> Collected:
    raise AssertionError("not run here")


def experiment(**changed: object) -> Experiment:
    example = Experiment(
        name="example",
        title="An example",
        order=1,
        expected_s=1,
        question="How fast?",
        prediction="Fast.",
        figures=MEASURES,
        checks=(Check(claim="speed", figure="speed", relation=">", bound=8),),
        advice="None.",
        finding=lambda found: "It ran.",
        collect=_never,
    )
    return replace(example, **changed)  # type: ignore[arg-type]


def test_a_check_of_an_unknown_figure_is_an_error_where_it_is_declared() -> None:
    with pytest.raises(ValueError, match="not declared: sped"):
        experiment(checks=(Check(claim="speed", figure="sped", relation=">", bound=8),))


def test_a_compared_figure_that_is_unknown_is_an_error_where_it_is_declared() -> None:
    with pytest.raises(ValueError, match="not declared: sped"):
        experiment(compared=(Compared(figure="sped", label="speed", unit="/s", better="higher"),))


def test_figures_that_differ_between_runtimes_are_held_to_each() -> None:
    def on(runtime: str) -> tuple[str, ...]:
        return ("speed",) if runtime == "trio" else ("delay",)

    assert experiment(figures=on).declared("node") == ("delay",)
    with pytest.raises(ValueError, match="not declared: speed"):
        experiment(figures=on, across=True)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_bound_and_a_rule_are_finite(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Check(claim="speed", figure="speed", relation=">", bound=value)
    with pytest.raises(ValueError, match="finite"):
        Rule(axis="y", at=value)


@pytest.mark.parametrize("one", EXPERIMENTS, ids=lambda one: one.name)
def test_every_experiment_declares_its_figures_on_every_runtime(one: Experiment) -> None:
    for runtime in filter(one.runs_on, RUNTIMES):
        assert set(one.declared(runtime)) >= {check.figure for check in (*one.checks, *one.compared)}


def test_every_drill_declares_what_it_checks() -> None:
    for drill in DRILLS:
        assert {check.figure for check in drill.checks} <= set(drill.declared)
        with pytest.raises(ValueError, match="not declared"):
            replace(drill, figures=())


def test_a_check_is_filled_in_and_not_changed() -> None:
    check = Check(claim="speed", figure="speed", relation=">", bound=8, unit="/s")
    (found,) = checked([check], {"speed": 9.0})
    assert found == replace(check, measured=9.0, passed=True)
    assert (check.measured, check.passed) == (None, None)
