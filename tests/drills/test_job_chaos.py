"""Unit: who stops which worker. The workers are real processes that sleep."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trio_lab.drills.job_chaos import Chaos
from trio_lab.measure.process import process_state


class Holders:
    """Both workers have a job, and soon only the second."""

    def __init__(self, first: int, second: int) -> None:
        self._first, self._second, self._asked = first, second, 0

    async def holders(self) -> list[str]:
        await trio.lowlevel.checkpoint()
        self._asked += 1
        return [f"here:{pid}" for pid in ((self._first, self._second) if self._asked <= 2 else (self._second,))]


@pytest.fixture
def sleepers() -> Iterator[list[int]]:
    with subprocess.Popen(["sleep", "60"]) as one, subprocess.Popen(["sleep", "60"]) as other:
        yield [one.pid, other.pid]
        one.kill()
        other.kill()


async def test_two_that_stop_workers_never_stop_the_same_one(sleepers: list[int], autojump_clock: MockClock) -> None:
    keeper: Any = Holders(*sleepers)
    chaos = Chaos(keeper=keeper, kills=0, stops=2, lease=1.0)
    programs: Any = [SimpleNamespace(pid=pid, ended=trio.Event()) for pid in sleepers]
    chaos._programs.extend(programs)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(chaos._stop)
        nursery.start_soon(chaos._stop)
    assert chaos.stopped == 2  # one after the other
    assert not chaos._still
    assert all(process_state(pid) != "T" for pid in sleepers)
