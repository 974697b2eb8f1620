"""Scenarios: the same watch over a real asyncio loop. Blocks are long, so that a busy machine cannot hide them."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import uvloop

from trio_lab import WORKING_ON, Stall, Watch, observe
from trio_lab.loop import asyncio_steps
from trio_lab.loop import watch as watch_module
from trio_lab.loop.asyncio_eyes import AsyncioEyes
from trio_lab.loop.asyncio_loop import open_asyncio_pass_monitor, passes_of
from trio_lab.loop.asyncio_steps import AsyncioSteps
from trio_lab.loop.eyes import Passes
from trio_lab.loop.loop_time import PassWindow

from .test_observe import _LONG as LONG
from .test_observe import compute, deepest, lines_of, match, wait

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def on_asyncio(test: Callable[..., Awaitable[None]]) -> Any:
    """Run a test in an asyncio loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **keywords: Any) -> None:
        with asyncio.Runner(loop_factory=LOOPS["asyncio"]) as runner:
            runner.run(asyncio.wait_for(test(*args, **keywords), 60))

    return run


def on_both(test: Callable[..., Awaitable[None]]) -> Any:
    """The same in asyncio's own loop and in uvloop's."""

    def run(loop: str, **keywords: Any) -> None:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(asyncio.wait_for(test(**keywords), 60))

    parameters = [inspect.Parameter("loop", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    functools.update_wrapper(run, test)
    run.__signature__ = inspect.Signature([*parameters, *inspect.signature(test).parameters.values()])  # type: ignore[attr-defined]
    return pytest.mark.parametrize("loop", LOOPS)(run)


async def longest(watch: Watch, blocker: Callable[[], None]) -> Stall:
    async def handle() -> None:
        WORKING_ON.set("GET /slow")
        await asyncio.sleep(0.01)
        blocker()

    async def accept() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(handle())

    await asyncio.create_task(accept(), name="server")
    return await longest_so_far(watch)


async def longest_so_far(watch: Watch) -> Stall:
    await asyncio.sleep(0.01)  # the pass has ended
    return max(watch.stalls(), key=lambda stall: stall.duration)


@pytest.mark.parametrize(("blocker", "where"), [(compute, compute), (match, match), (wait, deepest)])
@on_both
async def test_the_line_and_the_task_are_named(blocker: Callable[[], None], where: Callable[[], None]) -> None:
    async with observe(budget=0.1) as watch:
        stall = await longest(watch, blocker)
    assert stall.lineno in lines_of(where)
    assert stall.function == where.__qualname__
    assert stall.task_name.endswith("handle")
    assert stall.path[-2:] == ("server", stall.task_name)
    assert stall.label == "GET /slow"


@on_both
async def test_a_blocking_call_and_a_collection_are_told_apart() -> None:
    async with observe(budget=0.1) as watch:
        assert (await longest(watch, wait)).cause == "blocking call"
    rings: list[list[object]] = [[] for _ in range(400_000)]
    for ring in rings:
        ring.append(rings)
    async with observe(budget=0.01) as watch:
        assert (await longest(watch, gc.collect)).cause == "gc"  # type: ignore[arg-type]


class Echo(asyncio.Protocol):
    def data_received(self, data: bytes) -> None:
        compute()


@on_both
async def test_a_transports_callback_is_named_though_it_is_no_task() -> None:
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with theirs:
        transport, _ = await loop.connect_accepted_socket(Echo, ours)
        async with observe(budget=0.1) as watch:
            theirs.send(b"x")
            await asyncio.sleep(0.05)
            stall = await longest_so_far(watch)
        transport.close()
    assert stall.lineno in lines_of(compute)
    assert stall.task_name == ""


@on_both
async def test_a_readers_callback_is_named() -> None:
    reading, writing = os.pipe()
    loop = asyncio.get_running_loop()

    def read() -> None:
        os.read(reading, 1)
        wait()

    loop.add_reader(reading, read)
    async with observe(budget=0.1) as watch:
        os.write(writing, b"x")
        await asyncio.sleep(0.05)
        stall = await longest_so_far(watch)
    loop.remove_reader(reading)
    for end in (reading, writing):
        os.close(end)
    assert stall.lineno in lines_of(deepest)


@on_both
async def test_many_small_steps_are_named_with_their_tasks() -> None:
    async def small() -> None:
        await asyncio.sleep(0)
        sum(range(20_000))

    async with observe(budget=0.05, steps=True) as watch:
        await asyncio.gather(*(small() for _ in range(500)))
        stall = await longest_so_far(watch)
    assert stall.top[0][0].endswith("small")
    assert stall.top[0][1] >= 0.5 * stall.duration
    assert stall.cause in ("many small steps", "not running")  # the latter on a machine that others use


@on_both
async def test_a_flood_from_threads_is_told_as_one() -> None:
    loop = asyncio.get_running_loop()

    def flood() -> None:
        for _ in range(1000):
            loop.call_soon_threadsafe(lambda: sum(range(5_000)))

    async with observe(budget=0.02, steps=True) as watch:
        thread = threading.Thread(target=flood)
        thread.start()
        thread.join()
        await asyncio.sleep(0)
        stall = await longest_so_far(watch)
    assert stall.cause in ("entry queue", "not running")  # the latter on a machine that others use


def test_the_connections_of_a_full_server_are_told_apart() -> None:
    """Else all of them together are one callback that has a step in every pass, which is taken for a busy wait."""

    class Transport:
        def read_ready(self) -> None:
            pass

    one, other = Transport(), Transport()
    assert asyncio_steps.key_of(one.read_ready) == asyncio_steps.key_of(one.read_ready)
    assert asyncio_steps.key_of(one.read_ready) != asyncio_steps.key_of(other.read_ready)
    assert asyncio_steps.key_of(compute) == asyncio_steps.key_of(compute)


@on_both
async def test_a_task_that_spins_is_named() -> None:
    async def spin() -> None:
        while not any(stall.cause == "busy wait" for stall in watch.stalls()):
            await asyncio.sleep(0)

    async with observe(steps=True) as watch:
        await spin()
    found = next(stall for stall in watch.stalls() if stall.cause == "busy wait")
    assert "spin" in found.task_name or "test_a_task_that_spins" in found.task_name


@on_both
async def test_an_idle_loop_has_no_stalls() -> None:
    async with observe(budget=0.05) as watch:
        await asyncio.sleep(0.3)
        await asyncio.to_thread(time.sleep, 0.2)
    assert [stall for stall in watch.stalls() if stall.filename] == []


@on_asyncio
async def test_a_watch_that_was_taken_out_is_blind_and_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "CHECK", 0.01)
    monkeypatch.setattr(watch_module, "_FIRST_REARM", 0.1)
    async with observe(steps=True) as watch:
        for take_out, said in (
            (lambda loop: delattr(loop._selector, "select"), "selector"),
            (lambda loop: setattr(loop, "_ready", type(loop._ready).__mro__[1](loop._ready)), "queue of callbacks"),
        ):
            take_out(asyncio.get_running_loop())
            while watch.blind is None:
                await asyncio.sleep(0.01)
            assert said in watch.blind
            while watch.blind is not None:
                await asyncio.sleep(0.01)


@on_asyncio
async def test_the_loop_is_left_as_it_was_found() -> None:
    loop: Any = asyncio.get_running_loop()

    def found() -> tuple[Any, ...]:
        return dict(vars(loop._selector)), {*vars(loop)}, type(loop._ready), list(gc.callbacks), threading.enumerate()

    before, tasks = found(), asyncio.all_tasks()
    async with observe(steps=True) as outer:
        async with observe() as inner:
            pass
        assert (outer.blind, inner.eyes.log) == (None, None)
        assert asyncio.all_tasks() == tasks
    assert found() == before


@pytest.mark.parametrize("first_out", [0, 1])
@on_both
async def test_steps_are_measured_for_several_watches_which_come_and_go_in_any_order(first_out: int) -> None:
    loop: Any = asyncio.get_running_loop()
    before = {*vars(loop)}, type(getattr(loop, "_ready", None))
    eyes = [AsyncioEyes() for _ in range(2)]
    for one in eyes:
        one.passes.install()
        one.measure_steps(True)
    for seeing in (eyes, [eyes[1 - first_out]]):
        await asyncio.sleep(0)
        loop.call_soon_threadsafe(marked)
        loop.call_soon(marked)
        await asyncio.sleep(0)
        for one in seeing:
            assert one.log is not None
            assert one.steps_blind() is None
            assert [*map(one.log.name, one.log._steps)].count("marked") == 2
            assert one.log.entries() == 1
        gone = eyes[first_out].log
        eyes[first_out].measure_steps(False)
    assert gone is None
    eyes[1 - first_out].measure_steps(False)
    for one in eyes:
        one.passes.remove()
    assert ({*vars(loop)}, type(getattr(loop, "_ready", None))) == before


def marked() -> None:
    """A callback that is found by its name."""


@on_both
async def test_what_other_code_has_put_around_the_scheduling_of_callbacks_stays() -> None:
    loop: Any = asyncio.get_running_loop()
    call_soon_threadsafe = loop.call_soon_threadsafe = functools.partial(loop.call_soon_threadsafe)
    async with observe(steps=True):
        await asyncio.sleep(0)
    assert loop.call_soon_threadsafe is call_soon_threadsafe


@on_both
async def test_what_other_code_puts_around_the_scheduling_of_callbacks_meanwhile_stays() -> None:
    loop: Any = asyncio.get_running_loop()
    first, second = AsyncioEyes(), AsyncioEyes()
    for one in (first, second):
        one.passes.install()
    first.measure_steps(True)
    names = ("call_soon", "call_soon_threadsafe")
    put = [functools.wraps(found)(functools.partial(found)) for found in map(loop.__getattribute__, names)]
    for name, function in zip(names, put, strict=True):
        setattr(loop, name, function)
    for one, on in ((second, True), (first, False), (second, False), (first, True), (first, False)):
        one.measure_steps(on)
        await asyncio.sleep(0)
    assert [getattr(loop, name) for name in names] == put
    for one in (first, second):
        one.passes.remove()


@on_asyncio
async def test_nothing_that_threads_call_is_lost_while_steps_are_turned_on_and_off() -> None:
    loop, came, sent = asyncio.get_running_loop(), [0], 0

    def count() -> None:
        came[0] += 1

    def call_at_each_instruction(frame: FrameType, event: str, _: object) -> Any:
        """As another thread may, if the interpreter switches to it there."""
        nonlocal sent
        if frame.f_code.co_filename != asyncio_steps.__file__:
            return None
        frame.f_trace_opcodes = True
        sent += 1
        loop.call_soon_threadsafe(count)
        return call_at_each_instruction

    eyes, before = AsyncioEyes(), sys.gettrace()
    for on in (True, False):
        sys.settrace(call_at_each_instruction)
        eyes.measure_steps(on)
        sys.settrace(before)
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert came[0] == sent > 20


@on_asyncio
async def test_what_threads_called_is_not_kept_when_it_has_run() -> None:
    loop, steps = asyncio.get_running_loop(), AsyncioSteps(asyncio.get_running_loop())
    steps.install()
    late = loop.call_soon(int)
    await asyncio.sleep(0)
    steps.pass_ended()
    steps._entered.add(late)  # its thread got no turn to do so before the loop ran it
    steps.pass_ended()
    steps.remove()
    assert not steps._entered


def test_a_watchdog_of_a_thread_that_has_ended_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    watches: list[Watch] = []

    async def leave_open() -> None:
        watches.append(Watch(AsyncioEyes(), budget=0.02, steps=False))
        watches[0].open()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(leave_open(),))
    thread.start()
    thread.join()
    watches[0]._watchdog._thread.join()
    assert watches[0].blind == "the watchdog's thread has ended (the loop's thread has ended)"
    watches[0].close()
    loop.close()
    assert not caplog.records


def test_a_line_that_blocks_in_a_coroutine_of_the_loop_itself_has_no_frames_of_the_loop() -> None:
    async def look() -> list[str]:
        import sys

        return [frame.f_code.co_name for frame in AsyncioEyes().frames(sys._getframe())]

    assert asyncio.run(look()) == ["look"]
    assert re.search("_run", "".join(asyncio.run(look()))) is None


@on_both
async def test_signals_are_no_stalls() -> None:
    came: list[int] = []
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, came.append, 1)
    sender = threading.Thread(target=signals, args=(30,))
    async with observe(budget=0.02) as watch:
        sender.start()
        while sender.is_alive():
            await asyncio.sleep(0.2)
    assert came
    assert [stall for stall in watch.stalls() if stall.cause != "not running"] == []


def signals(count: int) -> None:
    for _ in range(count):
        time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGUSR1)


@pytest.mark.parametrize("taken_out", [(), (0,), (1,), (0, 1), (1, 0)])
def test_a_uvloop_can_be_closed_while_it_is_measured(taken_out: tuple[int, ...]) -> None:
    loop = uvloop.new_event_loop()
    before = {*vars(loop)}

    async def begin() -> list[Passes]:
        monitors = [passes_of(asyncio.get_running_loop()) for _ in range(2)]
        for monitor in monitors:
            monitor.install()
        await asyncio.sleep(0.01)
        return monitors

    monitors = loop.run_until_complete(begin())
    assert all(monitor.busy.count for monitor in monitors)
    for number in taken_out:
        monitors[number].remove()
    loop.close()
    assert loop.is_closed()
    assert {*vars(loop)} == before
    for monitor in monitors:
        assert "not in this loop" in (monitor.blind or "")
        assert monitor.pass_began() is None
        monitor.remove()


@on_both
async def test_windows_of_passes_are_whole() -> None:
    async with open_asyncio_pass_monitor() as monitor:
        window = PassWindow(monitor)
        compute()
        assert (window.read(reset=False).passes.max or 0) >= LONG
        first = window.read(reset=True)
        await asyncio.sleep(0.2)
        second = window.read(reset=True)
    assert second.utilization < first.utilization
    assert second.passes.max < first.passes.max


@on_both
async def test_what_the_last_poll_has_waited_counts_in_the_pass_after_it() -> None:
    """Else a request that comes to an idle loop seems to have waited for it while the loop slept, before there was one."""
    async with open_asyncio_pass_monitor() as monitor:
        before = monitor.waited_so_far()
        await asyncio.sleep(0.02)
        in_the_pass = monitor.waited_so_far()
        await asyncio.sleep(0)  # the pass has ended
        assert before < in_the_pass <= monitor.waited


@on_both
async def test_a_pass_in_which_a_window_ends_is_a_stall_as_a_whole() -> None:
    """As one in which a monitor asks for `/health` beside a handler that blocks."""
    async with observe(budget=0.1) as watch:
        window = PassWindow(watch.passes)
        for _ in range(2):
            time.sleep(0.06)  # noqa: ASYNC251
            window.read(reset=True)
        stall = await longest_so_far(watch)
    assert stall.duration >= 0.12
    assert stall.lineno


def test_the_time_between_two_runs_of_a_loop_is_no_pass() -> None:
    for make in LOOPS.values():
        loop = make()
        monitor = passes_of(loop)

        async def begin(monitor: Passes = monitor) -> None:
            monitor.install()
            await asyncio.sleep(0.01)

        loop.run_until_complete(begin())
        monitor.pause()
        compute()
        assert monitor.pass_began() is None
        monitor.begin()
        loop.run_until_complete(asyncio.sleep(0.01))
        assert monitor.busy.max < LONG
        loop.run_until_complete(asyncio.sleep(0))
        monitor.remove()
        loop.close()


@on_both
async def test_a_wait_is_counted_although_a_window_begins_in_the_pass_after_it() -> None:
    monitor = passes_of(asyncio.get_running_loop())
    monitor.install()
    await asyncio.sleep(0)
    before, waited = monitor.free_polls, monitor.waited
    await asyncio.sleep(0.01)
    monitor.cut()
    assert monitor.free_polls > before
    assert monitor.waited > waited
    monitor.remove()


@on_both
async def test_a_line_that_imports_is_told_as_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_to_import.py").write_text(f"import time\ntime.sleep({LONG})\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "slow_to_import", raising=False)

    def load() -> None:
        import slow_to_import  # type: ignore[import-not-found]  # noqa: F401

    async with observe(budget=0.1) as watch:
        assert (await longest(watch, load)).cause == "import"
