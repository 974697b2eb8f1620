"""Cases and rules are found by looking: each module of a package of them defines one, and nothing else has to name it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from difflib import get_close_matches
from types import ModuleType
from typing import Any, Protocol, TypeVar

from .errors import UsageError


class _Named(Protocol):
    @property
    def name(self) -> str: ...


One = TypeVar("One", bound=_Named)


def found_in(package: ModuleType, attribute: str) -> list[Any]:
    """What every module of a package has under that name, in the order of the modules' names."""
    names = sorted(found.name for found in pkgutil.iter_modules(package.__path__))
    return [getattr(importlib.import_module(f"{package.__name__}.{name}"), attribute) for name in names]


def named(known: Sequence[One], names: Sequence[str], kind: str) -> tuple[One, ...]:
    """Those of the names, in the order in which they are known.

    Raises:
        UsageError: a name is not known.
    """
    for name in names:
        if name not in {one.name for one in known}:
            raise UsageError(f"unknown {kind} {name!r}; {meant(name, [one.name for one in known])}")
    return tuple(one for one in known if one.name in names)


def meant(name: str, known: Sequence[str]) -> str:
    """The names that look alike, or all of them."""
    alike = get_close_matches(name, known, cutoff=0.5) or [one for one in known if name and name in one]
    return f"did you mean {' or '.join(alike)}?" if alike else f"known are {', '.join(known)}"
