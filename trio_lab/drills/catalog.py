"""All drills, found by looking: a module in `cases` that defines DRILL is one, and nothing else need know."""

from __future__ import annotations

import importlib
import pkgutil

from ..errors import UsageError
from . import cases
from .model import Drill


def _find() -> tuple[Drill, ...]:
    modules = (
        importlib.import_module(f"{cases.__name__}.{found.name}") for found in pkgutil.iter_modules(cases.__path__)
    )
    return tuple(sorted((module.DRILL for module in modules), key=lambda drill: drill.number))


DRILLS = _find()
GATE = tuple(drill for drill in DRILLS if drill.gate)


def select(names: tuple[str, ...]) -> tuple[Drill, ...]:
    """The drills of these names, in the order of their numbers.

    Raises:
        UsageError: a name is not known.
    """
    known = {drill.name for drill in DRILLS}
    for name in names:
        if name not in known:
            raise UsageError(f"unknown drill {name!r}; known are {', '.join(drill.name for drill in DRILLS)}")
    return tuple(drill for drill in DRILLS if drill.name in names)
