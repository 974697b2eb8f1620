"""Drills of the HTTP face run on both Python servers, one after the other, and each server is judged by itself.

A case declares its figures and checks, its fault and its control once; ``stage.runtime`` says for which server. Here each
figure and each check becomes two. A control counts only if it breaks a check on both servers: one that fails on Trio alone
shows nothing about the asyncio server. A figure of the aftermath is the worse of the two.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from ..diagnose.judge import checked
from ..records.figures import Check, Declared, Figures, names_of
from ..stage.stage import Stage
from .model import AFTERMATH, Drill

RUNTIMES = ("trio", "asyncio")
_SHARED = frozenset(check.figure for check in AFTERMATH)

Part = Callable[[Stage], Awaitable[Figures]]


def drill_of_both(
    *,
    name: str,
    number: int,
    gate: bool,
    question: str,
    figures: Declared,
    checks: tuple[Check, ...],
    inject: Part,
    control: Part,
    twin: str,
) -> Drill:
    """A drill from the parts for one server; see `Drill` for the arguments."""

    async def inject_both(stage: Stage) -> Figures:
        return await _on_each(stage, inject)

    async def control_both(stage: Stage) -> Figures:
        return await _on_each(stage, control, must_break=checks)

    return Drill(
        name=name,
        number=number,
        gate=gate,
        question=question,
        figures=tuple(_name(runtime, figure) for runtime in RUNTIMES for figure in names_of(figures)),
        checks=tuple(_check(runtime, one) for runtime in RUNTIMES for one in checks),
        inject=inject_both,
        control=control_both,
        twin=twin,
    )


async def _on_each(stage: Stage, part: Part, *, must_break: tuple[Check, ...] = ()) -> Figures:
    """The figures of one part on both servers.

    Raises:
        RuntimeError: none of the checks that it must break is broken on one of the servers.
    """
    found: dict[str, float | None] = {}
    for runtime in RUNTIMES:
        own = Stage(quick=stage.quick, dose=stage.dose, runtime=runtime)
        figures = await part(own)
        stage.notes += [f"{runtime}: {note}" for note in own.notes]
        if must_break and all(check.passed is not False for check in checked(must_break, figures)):
            raise RuntimeError(f"it broke nothing on {runtime}: {dict(figures)}")
        for figure, value in figures.items():
            if figure in _SHARED:
                found[figure] = _worse(found.get(figure, 0.0), value)
            else:
                found[_name(runtime, figure)] = value
    return found


def _name(runtime: str, figure: str) -> str:
    return f"{runtime}_{figure}"


def _check(runtime: str, one: Check) -> Check:
    return replace(one, claim=f"{runtime}: {one.claim}", figure=_name(runtime, one.figure))


def _worse(one: float | None, other: float | None) -> float | None:
    """None, which no check passes, is the worst."""
    return None if one is None or other is None else max(one, other)
