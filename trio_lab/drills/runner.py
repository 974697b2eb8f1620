"""Runs drills one after the other, each with its control, and says what came of them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..errors import first_of, in_a_line
from ..records.drill import DrillResult, DrillResults
from ..records.figures import Check, Figures, require_all, require_declared
from ..stage.stage import Stage
from .model import Attempt, Disturbed, Drill


async def run_drills(
    drills: Sequence[Drill],
    *,
    gate: bool,
    dose: float = 1.0,
    out: Path | None = None,
    say: Callable[[str], None],
) -> DrillResults:
    """``gate`` shortens the doses, ``dose`` multiplies them; ``say`` gets a line for each step. ``out`` is a folder for what a
    drill keeps."""
    results = []
    for number, drill in enumerate(drills, 1):
        say(f"[{number}/{len(drills)}] {drill.name}: {drill.question}")
        stage = Stage(quick=gate, dose=dose, out=out)
        stage.say = say
        result = await _run(drill, stage)
        results.append(result)
        for line in (*_lines(result), *stage.notes):
            say(f"      {line}")
    return DrillResults(drills=tuple(results), gate=gate, dose=dose)


async def _run(drill: Drill, stage: Stage) -> DrillResult:
    begun = time.monotonic()
    fault = await _attempt(drill.inject(stage), partial(require_all, declared=drill.declared))
    control = fault
    if not fault.disturbed:
        control = await _attempt(drill.control(stage), partial(require_declared, declared=drill.declared))
    result = drill.result(fault, control, duration=time.monotonic() - begun)
    return replace(result, tables=tuple(stage.tables)) if stage.tables else result


async def _attempt(part: Awaitable[Figures], require: Callable[[Figures], None]) -> Attempt:
    """What cannot be run has no figures, so it neither passes as a drill nor fails as a control."""
    try:
        figures = await part
        require(figures)
        return Attempt(figures=figures)
    except Exception as error:  # a fault in one drill must not lose the figures of the others
        first = first_of(error)  # a nursery that it went through has put it into a group
        if isinstance(first, Disturbed):
            return Attempt(figures={}, error=str(first), disturbed=True)
        return Attempt(figures={}, error=in_a_line(error))


def _lines(result: DrillResult) -> Iterator[str]:
    control = result.control
    verdict = result.verdict
    yield f"{'FAILED' if verdict == 'failed' else verdict} after {round(result.duration, 1):g} s"
    if verdict == "undecided":
        yield f"disturbed: {result.undecided}"
        return
    yield from (f"not kept: {check.claim} {_told(check)}" for check in result.checks if not check.passed)
    broke = "; ".join(control.broke) or "NOTHING: a drill that cannot fail is no drill"
    yield f"control ({control.twin}) broke: {broke}"
    for whose, error in (("it", result.error), ("the control", control.error)):
        if error:
            yield f"{whose} could not be run: {error}"


def _told(check: Check) -> str:
    measured = "not measured" if check.measured is None else f"{check.measured:.4g}"
    return f"{measured}, wanted {check.relation} {check.bound:g} {check.unit}".rstrip()
