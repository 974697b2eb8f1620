"""Unit: drills as data, and the judgement that a drill which cannot fail has not passed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trio_lab.diagnose.judge import checked
from trio_lab.drills import cases
from trio_lab.drills.catalog import DRILLS, GATE, select
from trio_lab.drills.model import AFTERMATH, Disturbed, Drill
from trio_lab.drills.runner import run_drills
from trio_lab.errors import UsageError
from trio_lab.records.drill import ControlResult, DrillResult
from trio_lab.records.figures import Check, Figures
from trio_lab.stage.stage import Stage

WELL: dict[str, float | None] = {check.figure: 0.0 for check in AFTERMATH}
HELD, BROKEN = {"lost": 0.0, "other": 0.0}, {"lost": 3.0, "other": 0.0}


def drill(inject: Figures | Exception, control: Figures | Exception) -> Drill:
    def part(found: Figures | Exception) -> Any:
        async def play(stage: Stage) -> Figures:
            if isinstance(found, Exception):
                raise found
            return found

        return play

    return Drill(
        name="example",
        number=1,
        gate=False,
        question="Is anything lost?",
        figures=("lost", "other"),
        checks=(Check(claim="lost", figure="lost", relation="<=", bound=0),),
        inject=part(inject),
        control=part(control),
        twin="a twin",
    )


async def judged(inject: Figures | Exception, control: Figures | Exception) -> tuple[DrillResult, list[str]]:
    said: list[str] = []
    results = await run_drills([drill(inject, control)], gate=True, say=said.append)
    (result,) = results.drills
    assert said[0].endswith("Is anything lost?")
    return result, said


@pytest.mark.parametrize("when", ["fault", "control"])
async def test_on_a_machine_that_is_too_busy_nothing_is_decided(when: str) -> None:
    busy = ExceptionGroup("of a nursery", [Disturbed("others have it")])
    result, said = await judged(*((busy, BROKEN) if when == "fault" else (HELD | WELL, busy)))
    assert (result.verdict, result.passed, result.undecided) == ("undecided", False, "others have it")
    assert [line.strip() for line in said[-1:]] == ["disturbed: others have it"]


async def test_what_holds_beside_a_control_that_fails_has_passed() -> None:
    result, _ = await judged(HELD | WELL, BROKEN)
    assert result.passed
    assert result.control == ControlResult(twin="a twin", failed=True, broke=("lost",), figures=BROKEN, error=None)
    assert [check.figure for check in result.checks] == ["lost", *(check.figure for check in AFTERMATH)]


async def test_a_drill_whose_control_passes_has_not_passed() -> None:
    result, said = await judged(HELD | WELL, HELD)
    assert not result.passed
    assert all(check.passed for check in result.checks)
    assert any("no drill" in line for line in said)


@pytest.mark.parametrize(
    "figures",
    [BROKEN | WELL, HELD, HELD | WELL | {"after_zombies": 1.0}, HELD | WELL | {"after_fds": None}],
    ids=["a check is broken", "nothing is known of afterwards", "a zombie", "a figure is missing"],
)
async def test_what_does_not_hold_or_is_not_known_has_not_passed(figures: Figures) -> None:
    assert not (await judged(figures, BROKEN))[0].passed


async def test_figures_that_were_not_declared_are_an_error() -> None:
    result, _ = await judged(HELD | WELL | {"more": 1.0}, BROKEN | {"more": 1.0})
    assert result.error == result.control.error == "ValueError: not declared: more"
    assert (result.figures, result.control.failed) == ({}, False)


async def test_a_control_that_measured_nothing_has_not_failed() -> None:
    assert not (await judged(HELD | WELL, {"other": 1.0}))[0].control.failed


async def test_what_cannot_be_run_is_said_and_has_not_passed() -> None:
    result, _ = await judged(ExceptionGroup("nursery", [RuntimeError("no\nserver")]), BROKEN)
    assert not result.passed
    assert result.error == "RuntimeError: no server"
    assert not (await judged(HELD | WELL, RuntimeError("no twin")))[0].control.failed


def test_every_case_is_found_in_the_order_of_its_number() -> None:
    files = Path(cases.__path__[0]).glob("[!_]*.py")
    assert {drill.name for drill in DRILLS} == {file.stem.replace("_", "-") for file in files}
    numbers = [drill.number for drill in DRILLS]
    assert numbers == sorted(set(numbers))
    assert [drill.number for drill in select(("native-pool-full", "hung-job"))] == [3, 23]


def test_what_must_pass_before_a_release_is_in_the_gate() -> None:
    names = {"worker-kill", "worker-init-crash", "hung-job", "poison-jobs", "parent-kill", "monitor-truth"}
    assert {drill.name for drill in GATE} >= names
    assert all(drill.gate for drill in GATE)


def test_an_unknown_name_is_the_callers_mistake() -> None:
    with pytest.raises(UsageError, match="no-such-drill"):
        select(("hung-job", "no-such-drill"))


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
def test_every_drill_explains_itself_and_can_fail(drill: Drill) -> None:
    assert drill.question.endswith("?")
    assert drill.twin
    beyond = {"<": 1, "<=": 1, ">": -1, ">=": -1}
    for check in (*drill.checks, *AFTERMATH):
        assert checked([check], {check.figure: check.bound + beyond[check.relation]})[0].passed is False


def test_doses() -> None:
    assert Stage(quick=False).seconds(60, quick=20) == 60
    assert Stage(quick=True).seconds(60, quick=20) == 20
    assert Stage(quick=True, dose=0.5).count(20, quick=3) == 2
    assert Stage(quick=False, dose=0.01).count(20, quick=3) == 1
