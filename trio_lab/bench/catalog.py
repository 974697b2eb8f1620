"""All benchmarks, found by looking: a module in `cases` that defines BENCHMARK is one, and nothing else need know."""

from __future__ import annotations

import importlib
import pkgutil

from ..errors import UsageError
from . import cases
from .model import Benchmark


def _find() -> tuple[Benchmark, ...]:
    modules = (
        importlib.import_module(f"{cases.__name__}.{found.name}") for found in pkgutil.iter_modules(cases.__path__)
    )
    return tuple(sorted((module.BENCHMARK for module in modules), key=lambda benchmark: benchmark.order))


BENCHMARKS = _find()


def select(names: tuple[str, ...]) -> tuple[Benchmark, ...]:
    """The benchmarks of these names; all of them when none is named.

    Raises:
        UsageError: a name is not known.
    """
    known = {benchmark.name for benchmark in BENCHMARKS}
    for name in names:
        if name not in known:
            raise UsageError(f"unknown benchmark {name!r}; known are {', '.join(b.name for b in BENCHMARKS)}")
    return tuple(benchmark for benchmark in BENCHMARKS if not names or benchmark.name in names)
