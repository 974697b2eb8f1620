"""All drills: every module in `cases` defines one as DRILL."""

from __future__ import annotations

from ..catalog import found_in, named
from . import cases
from .model import Drill

DRILLS: tuple[Drill, ...] = tuple(sorted(found_in(cases, "DRILL"), key=lambda drill: drill.number))
GATE = tuple(drill for drill in DRILLS if drill.gate)


def select(names: tuple[str, ...]) -> tuple[Drill, ...]:
    """The drills of these names, in the order of their numbers. Raises `UsageError` for one that is not known."""
    return named(DRILLS, names, "drill")
