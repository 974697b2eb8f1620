"""All benchmarks: every module in `cases` defines one as BENCHMARK."""

from __future__ import annotations

from ..catalog import found_in, named
from . import cases
from .model import Benchmark

BENCHMARKS: tuple[Benchmark, ...] = tuple(sorted(found_in(cases, "BENCHMARK"), key=lambda benchmark: benchmark.order))


def select(names: tuple[str, ...]) -> tuple[Benchmark, ...]:
    """The benchmarks of these names; all of them when none is named. Raises `UsageError` for one that is not known."""
    return named(BENCHMARKS, names, "benchmark") if names else BENCHMARKS
