"""What plays on the stage is found by looking: each module of a package of cases defines one, and nothing else need know
of it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Protocol, TypeVar

from ..errors import UsageError


class _Named(Protocol):
    @property
    def name(self) -> str: ...


One = TypeVar("One", bound=_Named)


def found_in(cases: ModuleType, attribute: str) -> list[Any]:
    """What every module of a package has under that name."""
    modules = (
        importlib.import_module(f"{cases.__name__}.{found.name}") for found in pkgutil.iter_modules(cases.__path__)
    )
    return [getattr(module, attribute) for module in modules]


def named(known: Sequence[One], names: Sequence[str], kind: str) -> tuple[One, ...]:
    """Those of the names, in the order in which they are known.

    Raises:
        UsageError: a name is not known.
    """
    for name in names:
        if name not in {one.name for one in known}:
            raise UsageError(f"unknown {kind} {name!r}; known are {', '.join(one.name for one in known)}")
    return tuple(one for one in known if one.name in names)
