"""Scenarios: a watch over a real loop with a real watchdog. Blocks are long, so that a busy machine cannot hide them."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.lowlevel

from trio_lab import observe
from trio_lab.loop.observe import WORKING_ON, Watch
from trio_lab.loop.stalls import Stall

_LONG = 0.4  # seconds


def compute() -> None:
    end = time.perf_counter() + _LONG
    while time.perf_counter() < end:
        sum(range(1000))


def match() -> None:
    begun, more = time.perf_counter(), 18
    while time.perf_counter() - begun < _LONG:
        more += 1
        re.match(r"(a+)+$", "a" * more + "b")


def wait() -> None:
    deeper()


def deeper() -> None:
    deepest()


def deepest() -> None:
    time.sleep(_LONG)


def lines_of(function: Callable[[], None]) -> range:
    lines, first = inspect.getsourcelines(function)
    return range(first, first + len(lines))


async def longest(watch: Watch, blocker: Callable[[], None]) -> Stall:
    async def blocks() -> None:
        WORKING_ON.set("GET /slow")
        await trio.sleep(0.01)
        blocker()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(blocks)
    await trio.sleep(0.01)  # the pass has ended
    return max(watch.stalls(), key=lambda stall: stall.duration)


@pytest.mark.parametrize(("blocker", "where"), [(compute, compute), (match, match), (wait, deepest)])
async def test_the_line_and_the_task_are_named(blocker: Callable[[], None], where: Callable[[], None]) -> None:
    async with observe(budget=0.1) as watch:
        stall = await longest(watch, blocker)
    assert stall.duration >= _LONG
    assert stall.filename == __file__
    assert stall.lineno in lines_of(where)
    assert stall.function == where.__qualname__
    assert stall.task_name.endswith("blocks")
    assert stall.path[-1] == stall.task_name
    assert len(stall.path) >= 2
    assert stall.label == "GET /slow"


async def test_a_blocking_call_and_a_collection_are_told_apart() -> None:
    async with observe(budget=0.1) as watch:
        assert (await longest(watch, wait)).cause == "blocking call"
    rings: list[object] = [[] for _ in range(400_000)]
    for ring in rings:
        assert isinstance(ring, list)
        ring.append(rings)
    async with observe(budget=0.01) as watch:
        assert (await longest(watch, gc.collect)).cause == "gc"


async def test_passes_under_the_budget_are_none() -> None:
    async with observe(budget=30.0) as watch:
        await longest_is_none(watch)


async def longest_is_none(watch: Watch) -> None:
    compute()
    await trio.sleep(0.01)
    assert watch.stalls() == []
    assert watch.statistics().passes.max >= _LONG
    assert watch.statistics().stalls == 0


async def test_many_small_steps_are_named_with_their_tasks() -> None:
    async def small() -> None:
        await trio.lowlevel.checkpoint()
        sum(range(20_000))

    async with observe(budget=0.05, steps=True) as watch:
        async with trio.open_nursery() as nursery:
            for _ in range(2000):
                nursery.start_soon(small)
        await trio.sleep(0.01)
    stall = max(watch.stalls(), key=lambda stall: stall.duration)
    assert stall.top[0][0].endswith("small")
    assert stall.top[0][1] >= 0.5 * stall.duration
    assert stall.cause in ("many small steps", "not running")  # the latter on a machine that others use


async def test_a_task_that_spins_is_named() -> None:
    async def spin() -> None:
        while not any(stall.cause == "busy wait" for stall in watch.stalls()):
            await trio.lowlevel.checkpoint()

    with trio.fail_after(60):
        async with observe(steps=True) as watch, trio.open_nursery() as nursery:
            nursery.start_soon(spin)
    found = next(stall for stall in watch.stalls() if stall.cause == "busy wait")
    assert found.task_name.endswith("spin")


async def test_steps_are_armed_by_long_passes() -> None:
    with trio.fail_after(60):
        async with observe(budget=0.02) as watch:
            assert not watch.statistics().steps_measured
            while not watch.statistics().steps_measured:
                time.sleep(0.05)  # noqa: ASYNC251  (that is the point)
                await trio.sleep(0.001)


async def test_a_monitor_that_trio_removed_is_blind_and_put_back_once(caplog: pytest.LogCaptureFixture) -> None:
    with trio.fail_after(60):
        async with observe(steps=False) as watch:
            assert watch.blind is None
            for rearmed in (1, 1):
                trio.lowlevel.remove_instrument(watch._monitor)
                while watch.blind is None:
                    await trio.sleep(0.01)
                assert "removed" in watch.blind
                with trio.move_on_after(5):
                    while watch.blind is not None:
                        await trio.sleep(0.01)
                assert watch.statistics().rearmed == rearmed
            assert watch.blind is not None  # the second time it stays so
            assert watch.statistics().blind == watch.blind


async def test_a_watchdog_that_died_is_blindness(monkeypatch: pytest.MonkeyPatch) -> None:
    async with observe() as watch:
        monkeypatch.setattr(watch._watchdog, "_look", lambda: 1 / 0)
        with trio.fail_after(30):
            while watch.blind is None:
                await trio.sleep(0.01)
            assert "ZeroDivisionError" in watch.blind
            while watch.blind is not None:
                await trio.sleep(0.01)
        assert watch.statistics().rearmed == 1


async def test_what_the_block_raises_comes_out_as_it_is() -> None:
    with pytest.raises(KeyError):
        async with observe():
            raise KeyError("mine")
    with trio.move_on_after(0.01) as scope:
        async with observe():
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_the_log_is_not_flooded(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="trio_lab.stalls")
    async with observe(budget=0.002) as watch:
        for _ in range(20):
            time.sleep(0.01)  # noqa: ASYNC251
            await trio.lowlevel.checkpoint()
    assert len(watch.stalls()) >= 20
    assert len([record for record in caplog.records if "ms (" in record.message]) <= 2


async def test_nothing_is_left_behind() -> None:
    callbacks, instruments = list(gc.callbacks), trio.lowlevel.current_statistics().tasks_living
    async with observe(steps=True):
        pass
    assert gc.callbacks == callbacks
    assert trio.lowlevel.current_statistics().tasks_living == instruments


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        (0.0, "budget is in seconds, not milliseconds: at least 0.001 and at most 30, not 0$"),
        (50, r"budget is in seconds, .* not 50 \(50 ms are 0.05\)$"),
        (float("nan"), "budget is in seconds, .* not nan$"),
        (-1, "budget is in seconds, .* not -1$"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(budget: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        observe(budget=budget)


@pytest.mark.parametrize("budget", ["0.05", None, True])
def test_a_budget_is_a_number(budget: Any) -> None:
    with pytest.raises(TypeError, match="budget must be a number of seconds, not "):
        observe(budget=budget)


@pytest.mark.parametrize("steps", ["on", None, 1])
def test_steps_are_measured_always_or_never_or_when_needed(steps: Any) -> None:
    with pytest.raises(ValueError, match='steps must be True, False or "auto", not '):
        observe(steps=steps)


def test_a_watch_is_for_trio() -> None:
    async def serve() -> None:
        async with observe():
            pass

    with pytest.raises(RuntimeError, match="observe needs a Trio loop; this runs under asyncio"):
        asyncio.run(serve())


async def test_a_plain_with_is_answered_with_what_to_write() -> None:
    with pytest.raises(TypeError, match="write `async with observe"):
        with observe():  # type: ignore[attr-defined]
            pass


class Collects(float):
    """A time that cannot be compared without a collection of garbage."""

    def __lt__(self, other: float) -> bool:
        gc.collect()
        return float(self) < other

    __gt__ = __lt__


async def test_a_collection_that_ends_while_a_stall_is_judged_does_not_blind_the_watch() -> None:
    async with observe(budget=0.05) as watch:
        gc.collect()
        watch._on_long(Collects(time.perf_counter() - 1), Collects(time.perf_counter()))
        assert watch.blind is None
        assert watch.count == 1
