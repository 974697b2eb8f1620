"""Unit: a ratio of the benchmark of goodput is of what was measured around it, whatever the machine's speed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.records.loads import RESULT
from trio_lab.bench.cases.goodput import BENCHMARK
from trio_lab.records.load import LoadResult, Row
from trio_lab.stage.crowd import CLIENTS


def load(per_second: float, seconds: float) -> LoadResult:
    rows = tuple(
        Row(start=n / 10, ok=round(per_second / 10), shed=0, timed_out=0, errors=0, p50=None, max=None)
        for n in range(round(seconds * 10))
    )
    return replace(RESULT, series=rows, duration=seconds)


class Machine:
    """A stage whose machine gives 200 replies per second, half of it from the second server kind on, and for a moment a tenth.
    To a crowd it gives nine tenths of that."""

    def __init__(self) -> None:
        self.speed = 400.0
        self.slices = 0

    def seconds(self, full: float, *, quick: float) -> float:
        return quick

    def rounds(self, full: int, *, quick: int) -> int:
        return quick

    async def in_turn(self, contestants: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for name, contestant in contestants.items():
            self.speed /= 2
            found[name] = [await contestant()]
        return found

    @asynccontextmanager
    async def server(self, *flags: str, runtime: str) -> AsyncIterator[Any]:
        async def fetch(path: str) -> None:
            pass

        yield SimpleNamespace(url=runtime, fetch=fetch)

    async def load(self, url: str, **options: Any) -> LoadResult:
        if options["connections"] == CLIENTS:
            return load(0.9 * self.speed, options["duration"])
        self.slices += 1
        return load(self.speed / 10 if self.slices % 3 == 0 else self.speed, options["duration"])


async def test_a_ratio_compares_with_the_median_of_the_slices_around_it() -> None:
    machine = Machine()
    measured = await BENCHMARK.run(machine)  # type: ignore[arg-type]
    ratios = {name: values for name, values in measured.ratios.items() if not name.endswith("refused")}
    assert all(values == [pytest.approx(0.9, abs=0.11)] for values in ratios.values())
    assert len(ratios) == 24
    assert machine.slices == 28
    capacities = [value for name, value in measured.figures.items() if name.endswith("replies/s")]
    assert capacities == [pytest.approx(speed, abs=5.1) for speed in (200, 100, 50, 25)]
    assert measured.ratios.keys() == set(BENCHMARK.ratios)
