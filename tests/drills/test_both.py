"""Unit: a drill that is written once and judged on both servers."""

from __future__ import annotations

import pytest

from trio_lab.drills.both import Part, drill_of_both
from trio_lab.drills.model import AFTERMATH, Drill
from trio_lab.drills.runner import run_drills
from trio_lab.records.drill import DrillResult
from trio_lab.records.figures import Figures, check
from trio_lab.stage.stage import Stage

WELL: dict[str, float | None] = {check.figure: 0.0 for check in AFTERMATH}


def example(inject: Part, control: Part) -> Drill:
    return drill_of_both(
        name="example",
        number=1,
        gate=False,
        question="Is anything lost?",
        figures=("lost",),
        checks=(check("requests lost", "lost", "<=", 0),),
        inject=inject,
        control=control,
        twin="a twin",
    )


async def judged(inject: dict[str, Figures], control: dict[str, Figures]) -> DrillResult:
    """``inject`` and ``control`` by runtime."""

    async def play(stage: Stage) -> Figures:
        return inject[stage.runtime]

    async def play_control(stage: Stage) -> Figures:
        return control[stage.runtime]

    return (await run_drills([example(play, play_control)], gate=False, say=lambda _: None)).drills[0]


async def test_both_servers_are_judged_by_the_same_checks() -> None:
    result = await judged(
        {"trio": WELL | {"lost": 0}, "asyncio": WELL | {"lost": 2}}, {"trio": {"lost": 3}, "asyncio": {"lost": 4}}
    )
    assert {check.claim: check.passed for check in result.checks if "lost" in check.claim} == {
        "trio: requests lost": True,
        "asyncio: requests lost": False,
    }
    assert result.control.broke == ("trio: requests lost", "asyncio: requests lost")
    assert not result.passed


@pytest.mark.parametrize("innocent", ["trio", "asyncio"])
async def test_a_control_must_break_something_on_each_server(innocent: str) -> None:
    well = {runtime: WELL | {"lost": 0} for runtime in ("trio", "asyncio")}
    assert (await judged(well, {runtime: {"lost": 1} for runtime in well})).passed
    result = await judged(well, {runtime: {"lost": float(runtime != innocent)} for runtime in well})
    assert not result.passed
    assert result.control.error is not None
    assert f"it broke nothing on {innocent}" in result.control.error


@pytest.mark.parametrize(("fds", "worse"), [((1, 3), 3), ((4, 2), 4), ((None, 2), None), ((2, None), None)])
async def test_the_aftermath_is_the_worse_of_both(fds: tuple[float | None, ...], worse: float | None) -> None:
    left = {runtime: WELL | {"lost": 0, "after_fds": n} for runtime, n in zip(("trio", "asyncio"), fds, strict=True)}
    assert (await judged(left, left)).figures["after_fds"] == worse


async def test_what_a_reader_should_know_is_said_with_the_server_it_is_about() -> None:
    async def play(stage: Stage) -> Figures:
        stage.notes.append(f"case {len(stage.runtime)} did harm")
        return WELL | {"lost": 1}

    said: list[str] = []
    await run_drills([example(play, play)], gate=False, say=said.append)
    assert [line.strip() for line in said if "did harm" in line] == [
        "trio: case 4 did harm",
        "asyncio: case 7 did harm",
    ] * 2
