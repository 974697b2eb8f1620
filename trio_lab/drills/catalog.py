"""All drills: every module in `cases` defines one as DRILL."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from ..catalog import found_in, named
from ..errors import UsageError
from . import cases
from .model import LOOPS, Drill

DRILLS: tuple[Drill, ...] = tuple(sorted(found_in(cases, "DRILL"), key=lambda drill: drill.number))
GATE = tuple(drill for drill in DRILLS if drill.gate)


def select(names: tuple[str, ...]) -> tuple[Drill, ...]:
    """The drills of these names, in the order of their numbers. Raises `UsageError` for one that is not known."""
    return named(DRILLS, names, "drill")


def chosen(names: tuple[str, ...], *, gate: bool, every: bool, loop: str) -> tuple[Drill, ...]:
    """The drills of these names, those of the ``gate``, or ``every`` one. On another loop than Trio's only the drills that
    are named must have it: of the others those are left out that do not choose their loop.

    Raises:
        UsageError: not one of the three is asked for, or what `select` and `on` raise.
    """
    if sum(map(bool, (names, gate, every))) != 1:
        raise UsageError("say either names of drills, or --gate, or --all")
    found = GATE if gate else DRILLS if every else select(names)
    if loop == LOOPS[0]:
        return found
    return on(loop, found if names else [one for one in found if one.on_asyncio])


def on(loop: str, drills: Sequence[Drill]) -> tuple[Drill, ...]:
    """The same drills on another loop.

    Raises:
        UsageError: one of them does not choose its loop, or what they need is not installed in this Python.
    """
    needed = [] if loop == LOOPS[0] else ["fastapi", "uvicorn", *(["uvloop"] if loop == "uvloop" else [])]
    if missing := [name for name in needed if find_spec(name) is None]:
        raise UsageError(f"drills on {loop} need {' and '.join(missing)}, not installed in this Python")
    return tuple(drill.on(loop) for drill in drills)
