"""Scenarios: a watch over a real loop with a real watchdog. Blocks are long, so that a busy machine cannot hide them."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from types import FrameType
from typing import Any

import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock

from trio_lab import observe
from trio_lab.loop import asyncio_eyes, trio_eyes
from trio_lab.loop import watch as watch_module
from trio_lab.loop.observe import WORKING_ON, Watch
from trio_lab.loop.passes import PassMonitor
from trio_lab.loop.stalls import NOT_RUNNING, PYTHON, Stall

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
            for _ in range(500):
                nursery.start_soon(small)
        await trio.sleep(0.01)
    stall = max(watch.stalls(), key=lambda stall: stall.duration)
    assert stall.top[0][0].endswith("small")
    assert stall.top[0][1] >= 0.5 * stall.duration
    assert stall.cause in ("many small steps", "not running")  # the latter on a machine that others use


async def test_a_task_that_has_io_in_each_pass_does_not_spin() -> None:
    """A server under full load: the loop never waits long, but it may."""
    one, other = trio.socket.socketpair()
    async with observe(steps=True) as watch:
        with one, other, trio.move_on_after(1.2 * watch_module.CHECK):
            while True:
                await one.send(b"x")
                await trio.lowlevel.wait_readable(other)
                await other.recv(1)
    assert watch.statistics().passes.count > watch_module._SPINS
    assert not [stall for stall in watch.stalls() if stall.cause == "busy wait"]


async def test_the_tasks_of_a_full_server_do_not_spin() -> None:
    """Each finds its next request when it has answered the last, so none of them ever waits."""

    async def serve() -> None:
        one, other = trio.socket.socketpair()
        with one, other:
            while True:
                await one.send(b"x")
                await other.recv(1)

    async with observe(steps=True) as watch:
        with trio.move_on_after(1.2 * watch_module.CHECK):
            async with trio.open_nursery() as nursery:
                for _ in range(8):
                    nursery.start_soon(serve)
    assert watch.statistics().passes.count > watch_module._SPINS
    assert not [stall for stall in watch.stalls() if stall.cause == "busy wait"]


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


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch that looks after itself often."""
    monkeypatch.setattr(watch_module, "CHECK", 0.01)
    monkeypatch.setattr(watch_module, "_FIRST_REARM", 0.1)


async def blindness(watch: Watch) -> str:
    """Why the watch is blind, when it is and until it sees again."""
    with trio.fail_after(30):
        while (found := watch.blind) is None:
            await trio.sleep(0.01)
        assert watch.statistics().blind == found
        while watch.blind is not None:
            await trio.sleep(0.01)
    return found


@pytest.mark.usefixtures("hurried")
async def test_a_monitor_that_trio_removed_is_blind_and_put_back_each_time() -> None:
    async with observe(steps=False) as watch:
        assert watch.blind is None
        for rearmed in (1, 2):
            trio.lowlevel.remove_instrument(watch._monitor)
            assert "removed" in await blindness(watch)
            assert watch.statistics().rearmed == rearmed
        passes = watch.statistics().passes.count
        await trio.sleep(0.01)
        assert watch.statistics().passes.count > passes


@pytest.mark.usefixtures("hurried")
async def test_a_watchdog_that_died_is_blindness(monkeypatch: pytest.MonkeyPatch) -> None:
    async with observe() as watch:
        for rearmed in (1, 2):
            monkeypatch.setattr(watch._watchdog, "_look", lambda: 1 / 0)
            time.sleep(0.1)  # noqa: ASYNC251  (it looks only at a long pass)
            assert "ZeroDivisionError" in await blindness(watch)
            assert watch.statistics().rearmed == rearmed


@pytest.mark.usefixtures("hurried")
async def test_a_step_monitor_that_trio_removed_is_blindness() -> None:
    async with observe(steps=True) as watch:
        assert watch.eyes.log is not None
        trio.lowlevel.remove_instrument(watch.eyes.log)
        assert "step monitor" in await blindness(watch)
        assert watch.statistics().steps_measured


@pytest.mark.usefixtures("hurried")
async def test_a_thread_that_cannot_be_started_again_is_tried_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async with observe() as watch:
        with monkeypatch.context() as planted:
            planted.setattr(threading.Thread, "start", no_thread)
            planted.setattr(watch._watchdog, "_look", lambda: 1 / 0)
            time.sleep(0.1)  # noqa: ASYNC251  (it looks only at a long pass)
            with trio.fail_after(30):
                while watch.statistics().rearmed < 1:
                    await trio.sleep(0.01)
            assert "can't start" in (watch.blind or "")
        await blindness(watch)
        assert watch.statistics().rearmed == 2


async def test_a_watch_that_goes_on_breaking_is_repaired_more_and_more_seldom(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    repaired: list[float] = []
    async with observe(steps=False) as watch:
        monkeypatch.setattr(watch._monitor, "install_again", lambda: repaired.append(trio.current_time()))
        monkeypatch.setattr(Watch, "blind", "broken on purpose")
        await trio.sleep(300)
        monkeypatch.setattr(Watch, "blind", None)
        await trio.sleep(100)
        monkeypatch.setattr(Watch, "blind", "broken again")
        sound, before = trio.current_time(), len(repaired)
        await trio.sleep(10)
    gaps = [later - sooner for sooner, later in pairwise([0.0, *repaired[:before]])]
    assert gaps[:6] == [pytest.approx(seconds, abs=1.1) for seconds in (1.5, 2.5, 4.5, 8.5, 16.5, 32.5)]
    assert gaps[6:] == [pytest.approx(60.5, abs=1.1)] * 3
    assert repaired[before] - sound < 3.0  # it had seen everything for long enough
    said = [record for record in caplog.records if "is blind" in record.message]
    assert len(said) <= len(repaired) + 2


@pytest.mark.usefixtures("hurried")
async def test_a_log_handler_that_raises_harms_neither_the_watch_nor_the_program() -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("a full disk")

    log, broken = logging.getLogger("trio_lab.stalls"), Broken()
    log.addHandler(broken)
    try:
        async with observe(budget=0.01) as watch:
            time.sleep(0.05)  # noqa: ASYNC251
            await trio.sleep(0.01)
            assert watch.count >= 1
            assert watch.blind is None
            trio.lowlevel.remove_instrument(watch._monitor)
            await blindness(watch)
    finally:
        log.removeHandler(broken)


async def longest_callback(callbacks: list[Callable[[], object]]) -> Stall:
    async with observe(budget=0.02, steps=True) as watch:
        done, token = trio.Event(), trio.lowlevel.current_trio_token()
        for callback in callbacks:
            token.run_sync_soon(callback)
        token.run_sync_soon(done.set)
        await done.wait()
        await trio.sleep(0.01)
    return max(watch.stalls(), key=lambda stall: stall.duration)


async def test_one_long_callback_of_the_entry_queue_is_told_with_its_line_and_is_no_flood() -> None:
    for _ in range(2):
        stall = await longest_callback([lambda: None, compute])
        assert stall.lineno in lines_of(compute)
        assert stall.cause != "entry queue"  # python, unless others use the machine


async def test_a_flood_of_callbacks_is_told_as_one() -> None:
    stall = await longest_callback([lambda: sum(range(5_000))] * 1000)
    assert stall.cause in ("entry queue", "not running")  # the latter on a machine that others use


async def test_several_watches_and_runs_in_one_program_do_not_disturb_each_other() -> None:
    def another_run() -> list[Stall]:
        async def blocked() -> list[Stall]:
            async with observe(budget=0.05) as mine:
                time.sleep(0.15)  # noqa: ASYNC251
                gc.collect(0)
                await trio.sleep(0.01)
                assert mine.blind is None
                return mine.stalls()

        return trio.run(blocked)

    async with observe(budget=0.05) as outer, observe(budget=0.05) as inner:
        theirs = await trio.to_thread.run_sync(another_run)
        time.sleep(0.15)  # noqa: ASYNC251
        await trio.sleep(0.01)
        assert (outer.blind, inner.blind) == (None, None)
        for stalls, function in (
            (outer.stalls(), "do_not_disturb"),
            (inner.stalls(), "do_not_disturb"),
            (theirs, "blocked"),
        ):
            assert function in max(stalls, key=lambda stall: stall.duration).function


async def test_what_the_block_raises_comes_out_as_it_is() -> None:
    with pytest.raises(KeyError):
        async with observe():
            raise KeyError("mine")
    with trio.move_on_after(0.01) as scope:
        async with observe():
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_the_log_is_not_flooded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    now = time.perf_counter()
    caplog.set_level(logging.INFO, logger="trio_lab.stalls")
    async with observe(budget=30.0) as watch:
        monkeypatch.setattr(watch_module, "perf_counter", lambda: now)
        stall = Stall(duration=1.0, cause=PYTHON)
        for _ in range(20):
            watch._keep(stall)
        now += 5.0
        watch._keep(stall)
    assert len(watch.stalls()) == 21
    first, later = [record.message for record in caplog.records if "ms (" in record.message]
    assert "1000 ms (" in first
    assert "more since" not in first
    assert later.endswith("(19 more since the last line)")


async def test_what_the_machine_did_takes_no_line_from_what_the_program_did(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="trio_lab.stalls")
    async with observe(budget=30.0) as watch:
        for cause in (NOT_RUNNING, PYTHON, PYTHON, NOT_RUNNING):
            watch._keep(Stall(duration=1.0, cause=cause))
    said = [(record.levelname, record.message) for record in caplog.records if "1000 ms (" in record.message]
    assert [level for level, _ in said] == ["INFO", "WARNING"]
    assert "(python)" in said[1][1]


def no_thread(self: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


class Traces:
    """What a watch could leave behind in the process and in the run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.added: list[trio.abc.Instrument] = []
        add = trio.lowlevel.add_instrument
        monkeypatch.setattr(trio.lowlevel, "add_instrument", lambda one: (self.added.append(one), add(one)))
        self._before = self._found()

    def _found(self) -> tuple[list[object], list[threading.Thread], int]:
        return list(gc.callbacks), threading.enumerate(), len(os.listdir("/proc/self/fd"))

    def assert_none(self) -> None:
        assert self._found() == self._before
        for instrument in self.added:
            with pytest.raises(KeyError):
                trio.lowlevel.remove_instrument(instrument)


async def test_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    traces = Traces(monkeypatch)
    async with observe(steps=True) as watch:
        assert {type(instrument).__name__ for instrument in traces.added} == {"PassMonitor", "StepMonitor"}
        watch._watchdog._stopped = True  # the thread ends, as if it had died
        watch._watchdog._timer.set(0.0)
        watch._watchdog._thread.join()
    traces.assert_none()


async def test_a_watch_whose_thread_cannot_start_is_not_there_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    traces = Traces(monkeypatch)
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        async with observe(steps=True):
            pass
    traces.assert_none()


@pytest.mark.parametrize("part", ["install", "_measure_steps"])
async def test_a_watch_that_can_be_opened_in_part_only_is_not_there_at_all(
    monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    traces, opened = Traces(monkeypatch), getattr(PassMonitor if part == "install" else Watch, part)

    def fail(self: Any, *on: bool) -> None:
        opened(self, *on)
        if on != (False,):
            raise OSError("no more of it")

    monkeypatch.setattr(PassMonitor if part == "install" else Watch, part, fail)
    with pytest.raises(OSError, match="no more of it"):
        async with observe(steps=True):
            pass
    traces.assert_none()


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


def test_a_watch_needs_a_loop() -> None:
    with pytest.raises(RuntimeError, match="observe needs a loop of Trio or of asyncio; none runs in this thread"):
        observe().__aenter__().send(None)  # type: ignore[attr-defined]


async def test_a_plain_with_is_answered_with_what_to_write() -> None:
    with pytest.raises(TypeError, match="write `async with observe"):
        with observe():  # type: ignore[attr-defined]
            pass


class Collects(float):
    """A time that cannot be compared without a collection of garbage."""

    def __lt__(self, other: float) -> bool:
        gc.collect(0)
        return float(self) < other

    __gt__ = __lt__


async def test_a_collection_that_ends_while_a_stall_is_judged_does_not_blind_the_watch() -> None:
    async with observe(budget=0.05) as watch:
        gc.collect()
        watch._on_long(Collects(time.perf_counter() - 1), Collects(time.perf_counter()))
        assert watch.blind is None
        assert watch.count == 1


async def test_a_collection_that_had_begun_before_the_watch_was_opened_is_not_measured() -> None:
    async with observe() as watch:
        watch._collections.clear()
        watch._on_gc("stop", {})
        assert not watch._collections
        watch._on_gc("start", {})
        watch._on_gc("stop", {})
        assert len(watch._collections) == 1


async def test_the_running_task_is_known_without_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trio_eyes, "_MOST_TASKS", 0)
    eyes = trio_eyes.TrioEyes()
    found: list[str] = []

    async def runs() -> None:
        looking = threading.Thread(target=lambda: found.append(eyes.who([frame]).name))
        frame = inspect.currentframe()
        assert frame is not None
        looking.start()
        looking.join()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(runs, name="the one that runs")
    assert found == ["the one that runs"]


@pytest.mark.parametrize("of_trio", [True, False])
def test_the_frames_of_a_poll_are_no_step(of_trio: bool) -> None:
    """One that may not wait is part of a pass, and is sampled if it waits for the GIL."""
    seen: list[list[str]] = []

    async def watched() -> None:
        eyes: Any = trio_eyes.TrioEyes() if of_trio else asyncio_eyes.AsyncioEyes()
        eyes.passes.install()

        def profile(frame: FrameType, event: str, call: object) -> None:
            if event == "c_call" and getattr(call, "__name__", "") == "poll":
                seen.append([one.f_code.co_name for one in eyes.frames(frame)])

        sys.setprofile(profile)
        try:
            for _ in range(3):
                if of_trio:
                    await trio.lowlevel.checkpoint()
                else:
                    await asyncio.sleep(0)
        finally:
            sys.setprofile(None)
        assert [one.f_code.co_name for one in eyes.frames(inspect.currentframe())] == ["watched"]
        eyes.passes.remove()

    if of_trio:
        trio.run(watched)
    else:
        asyncio.run(watched())
    assert len(seen) >= 3
    assert all(frames == [] for frames in seen)
