"""Unit: the watches of a suite's loops, opened without the hooks that notice loops."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
import trio

from trio_lab.testing.loop_watch import LoopWatch
from trio_lab.testing.loops import Loops
from trio_lab.testing.trio_run import PassesOfRun


@pytest.fixture
def loops() -> Iterator[Loops]:
    loops = Loops()
    loops.watch(0.05)
    yield loops
    loops.close()


def _no_thread(_: LoopWatch) -> None:
    raise RuntimeError("can't start new thread")


async def test_a_run_that_cannot_be_watched_runs(loops: Loops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LoopWatch, "_start_watchdog", _no_thread)
    loops._trio_begins()
    await trio.lowlevel.checkpoint()
    loops.watch(0.1)
    assert (loops.passes(), loops.unwatched) == ([], "can't start new thread")


def test_an_asyncio_loop_that_cannot_be_watched_runs(loops: Loops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LoopWatch, "_start_watchdog", _no_thread)

    async def test() -> None:
        loop = asyncio.get_running_loop()
        before = dict(vars(loop._selector))  # type: ignore[attr-defined]
        loops._asyncio_begins(loop)
        loops._asyncio_stops(loop)
        assert vars(loop._selector) == before  # type: ignore[attr-defined]

    asyncio.run(test())
    loops.rest()
    assert (loops.passes(), loops.unwatched) == ([], "can't start new thread")


def test_the_time_of_the_host_before_a_guest_begins_is_no_pass_of_it(loops: Loops) -> None:
    found: list[tuple[float, bool]] = []

    async def guest() -> None:
        [passes] = loops.passes()
        await trio.lowlevel.checkpoint()
        assert isinstance(passes, PassesOfRun)
        found.append((passes.busy.max, passes.hosted))

    async def host() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        setup_runner = trio._core._run.setup_runner

        def set_up(*args: object, **keywords: object) -> object:
            runner = setup_runner(*args, **keywords)  # type: ignore[arg-type]
            loops._trio_begins()
            return runner

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(trio._core._run, "setup_runner", set_up)
            trio.lowlevel.start_guest_run(
                guest, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=lambda _: over.set()
            )
        begun = time.perf_counter()
        while time.perf_counter() - begun < 0.2:
            pass  # the guest waits for its turn
        await over.wait()

    asyncio.run(host())
    [(longest, hosted)] = found
    assert hosted
    assert longest < 0.2
    assert [stall for stall in loops.stalls(0.0) if stall.filename] == []
