"""Unit: rounds of several runtimes become medians, spreads and ratios; nothing is compared that was not measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from trio_lab.experiments import measuring, runner
from trio_lab.experiments.compare import comparison
from trio_lab.experiments.model import Collected, Experiment
from trio_lab.experiments.runner import run_experiments
from trio_lab.experiments.verdict import judge_again, result_of
from trio_lab.records.codec import decode, encode
from trio_lab.records.conditions import Disturbance
from trio_lab.records.figures import Check, Compared
from trio_lab.records.result import ExperimentResult
from trio_lab.records.spread import Spread
from trio_lab.report.page import render
from trio_lab.report.standing import standing
from trio_lab.stage.blockers import Blockers
from trio_lab.stage.stage import Stage

from .taken import QuietMachine, taken

_SPEEDS = {"trio": 10.0, "asyncio": 20.0, "node": 5.0}


def experiment(collect: Any = None) -> Experiment:
    return Experiment(
        name="example",
        title="An example",
        order=1,
        expected_s=1,
        question="How fast?",
        prediction="Fast.",
        figures=("speed",),
        checks=(Check(claim="speed", figure="speed", relation=">", bound=8),),
        advice="None.",
        finding=lambda found: "It ran.",
        collect=collect,
        compared=(Compared(figure="speed", label="speed", unit="/s", better="higher"),),
    )


def merged(*values: float | None, disturbances: Sequence[Disturbance] = ()) -> ExperimentResult:
    """Rounds with these values. Those for which nothing is said were quiet."""
    quiet: list[Disturbance] = ["none"] * (len(values) - len(disturbances))
    rounds = [taken({"speed": value}, one) for value, one in zip(values, [*disturbances, *quiet], strict=True)]
    return result_of(experiment(), rounds, runtime="trio", duration=1.0)


def figure(**rounds: list[float | None]) -> Compared:
    (one,) = comparison(experiment(), {runtime: merged(*values) for runtime, values in rounds.items()}).figures
    return one


def test_ratios_are_taken_round_by_round() -> None:
    found = figure(trio=[10.0, 20.0, 40.0], node=[20.0, 40.0, 40.0])
    assert found.values["trio"] == Spread(median=20.0, min=10.0, max=40.0)
    assert found.ratios == {"node": Spread(median=2.0, min=1.0, max=2.0)}


def test_rounds_that_do_not_count_are_not_compared() -> None:
    """A neighbour took most of the machine from Trio in the first round, and from Node in the last."""
    trio = merged(1.0, 10.0, 10.0, disturbances=["much"])
    found = comparison(
        experiment(), {"trio": trio, "node": merged(20.0, 20.0, 1.0, disturbances=["none", "none", "much"])}
    )
    (one,) = found.figures
    assert (one.values["trio"], one.values["node"]) == (
        Spread(median=10, min=10, max=10),
        Spread(median=20, min=20, max=20),
    )
    assert one.ratios["node"] == Spread(median=2.0, min=2.0, max=2.0)
    assert standing(one, "node") == "better"
    found = comparison(experiment(), {"trio": trio, "node": merged(20.0, 30.0, disturbances=["much"] * 2)})
    (one,) = found.figures
    assert one.values["node"] == Spread(median=25, min=20, max=30), "it is shown"
    assert standing(one, "node") is None
    assert found.finding.endswith("\n\nNot compared, for no round counts: node.")


@pytest.mark.parametrize("nothing", [None, math.nan, math.inf])
def test_a_round_without_a_figure_tells_nothing(nothing: float | None) -> None:
    found = figure(trio=[10.0, nothing], node=[20.0, 20.0])
    assert found.ratios["node"] == Spread(median=2.0, min=2.0, max=2.0)
    assert figure(trio=[nothing], node=[1.0]).values["trio"].median is None


def stalls(line: int, total: float, longest: float, **more: Any) -> dict[str, Any]:
    row = {"file": "/x/routes.py", "line": line, "function": "f", "cause": "python", "label": "GET /a", "count": 2}
    return row | {"total_ms": total, "longest_ms": longest} | more


def test_the_line_that_blocked_for_the_longest_time_in_all_is_told() -> None:
    blocked = Blockers()
    assert blocked.worst is None
    blocked.add([stalls(1, 100, 90), stalls(2, 60, 30, label="GET /b"), stalls(0, 10, 10, file="")])
    blocked.add(
        [stalls(2, 50, 40, label="GET /c"), stalls(1, 9, 9, cause="gc"), stalls(1, 900, 900, cause="not running")]
    )
    quiet = Blockers()
    quiet.add([])
    told = {"trio": blocked, "asyncio": quiet, "silent": Blockers(), "node": Blockers()}
    found = comparison(experiment(), {runtime: merged(1.0) for runtime in told}, told)
    assert found.blockers is not None
    assert found.blockers.rows == (
        ("trio", "routes.py:2 in f", "python", "GET /c", 4, 110, 40),
        ("asyncio", "none: no pass was over the budget", "", "", 0, 0.0, 0.0),
        ("silent", "not known: no server answered when it was asked", *[None] * 5),
        (
            "node",
            "it cannot tell: Node's timer shows that the loop was late, and not which line made it so",
            *[None] * 5,
        ),
    )
    assert decode(type(found), encode(found)) == found


def test_a_zero_of_trio_gives_no_ratio() -> None:
    assert figure(trio=[0.0], node=[1.0]).ratios["node"].median is None


def test_rounds_are_merged_into_one_entry_and_judged_by_the_interval() -> None:
    result = merged(9.0, 10.0, 9.0, 11.0, 9.5, 12.0)
    assert result.evidence.figures["speed"] == 9.75
    assert result.outcome == "confirmed"
    assert [one["speed"] for one in result.rounds or ()] == [9.0, 10.0, 9.0, 11.0, 9.5, 12.0]
    assert merged(5.0, 6.0, 5.0, 6.0, 7.0, 8.0).outcome == "refuted"
    assert merged(5.0, 6.0, 5.0, 6.0, 7.0, 9.0).outcome == "undecided"
    assert merged(9.0, 10.0, 11.0).outcome == "undecided"


@pytest.mark.parametrize(("value", "outcome"), [(math.inf, "confirmed"), (-math.inf, "refuted"), (None, "undecided")])
def test_the_verdict_on_an_infinite_figure_survives_the_file(value: float | None, outcome: str) -> None:
    result = merged(*[value] * 6)
    saved = decode(ExperimentResult, encode(result))
    assert saved.evidence.figures == {"speed": None}
    assert judge_again(saved) == saved
    assert saved.outcome == outcome


def test_rounds_with_an_infinite_figure_still_count_when_a_saved_run_is_judged_again() -> None:
    result = merged(*[9.0] * 6, *[-math.inf] * 3)
    assert result.outcome == "undecided"
    saved = decode(ExperimentResult, encode(result))
    assert judge_again(saved).outcome == "undecided", "the six that are left would confirm it"


async def test_runtimes_take_turns_and_the_record_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []

    async def collect(stage: Stage) -> Collected:
        turns.append(stage.runtime)
        return Collected(figures={"speed": _SPEEDS[stage.runtime]}, charts=())

    async def no_differences(runtimes: Any, *, say: Any) -> tuple[()]:
        return ()

    monkeypatch.setattr(runner, "select", lambda names, runtimes: (experiment(collect),))
    monkeypatch.setattr(measuring, "Watch", QuietMachine)
    monkeypatch.setattr(runner, "lack", lambda runtime: "not installed" if runtime == "node" else None)
    monkeypatch.setattr(runner, "differences", no_differences)
    run = await run_experiments((), runtimes=("trio", "asyncio", "node"), rounds=2, quick=True)
    assert "trio and asyncio side by side." in render(run)
    assert turns == ["trio", "asyncio", "asyncio", "trio"]
    assert [result.runtime for result in run.experiments] == ["trio", "asyncio"]
    assert run.comparison is not None
    assert run.comparison.missing == {"node": "not installed"}
    (one,) = run.comparison.experiments
    assert one.figures[0].ratios["asyncio"].median == 2.0
