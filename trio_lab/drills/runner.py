"""Runs drills one after the other, each with its control, and says what came of them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ..errors import in_a_line
from .ground import Ground
from .model import Drill, Figures


async def run_drills(
    drills: Sequence[Drill], *, gate: bool, dose: float = 1.0, say: Callable[[str], None]
) -> dict[str, Any]:
    """``{"drills": [...]}``, an entry each as `Drill.result` has it. ``gate`` shortens the doses, ``dose`` multiplies
    them; ``say`` is told what goes on, a line at a time."""
    results = []
    for number, drill in enumerate(drills, 1):
        say(f"[{number}/{len(drills)}] {drill.name}: {drill.question}")
        result = await _run(drill, Ground(gate=gate, dose=dose))
        results.append(result)
        for line in _lines(result):
            say(f"      {line}")
    return {"drills": results, "gate": gate, "dose": dose}


async def _run(drill: Drill, ground: Ground) -> dict[str, Any]:
    begun = time.monotonic()
    figures, error = await _attempt(drill.inject, ground)
    control, control_error = await _attempt(drill.control, ground)
    result = drill.result(figures, control)
    result["duration_s"] = round(time.monotonic() - begun, 1)
    result["error"] = error
    result["control"]["error"] = control_error
    return result


async def _attempt(part: Callable[[Ground], Awaitable[Figures]], ground: Ground) -> tuple[Figures, str | None]:
    """What cannot be run has no figures, so it neither passes as a drill nor fails as a control."""
    try:
        return await part(ground), None
    except Exception as error:  # one drill must not cost the figures of the others
        return {}, in_a_line(error)


def _lines(result: dict[str, Any]) -> list[str]:
    control = result["control"]
    broke = "; ".join(control["broke"]) if control["failed"] else "NOTHING: a drill that cannot fail is no drill"
    lines = [f"{'passed' if result['passed'] else 'FAILED'} after {result['duration_s']:g} s"]
    for check in result["checks"]:
        if not check["passed"]:
            lines.append(f"not kept: {check['claim']} {_told(check)}")
    lines.append(f"control ({control['twin']}) broke: {broke}")
    for whose, error in (("it", result["error"]), ("the control", control["error"])):
        if error:
            lines.append(f"{whose} could not be run: {error}")
    return lines


def _told(check: dict[str, Any]) -> str:
    measured = "not measured" if check["measured"] is None else f"{check['measured']:.4g}"
    return f"{measured}, wanted {check['relation']} {check['bound']:g} {check['unit']}".rstrip()
