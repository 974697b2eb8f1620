"""Unit: passes of Trio's loop. To block it, a test moves the clock inside a step; no test sleeps."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest
import trio

from trio_lab.live.figures import LoopWindow
from trio_lab.loop.loop_time import RESOLUTION, LoopStatistics, LoopTime, PassWindow
from trio_lab.loop.passes import PassMonitor, open_pass_monitor
from trio_lab.loop.run_queue import RunQueue
from trio_lab.loop.timer_probe import open_timer_probe
from trio_lab.measure.histogram import LOT
from trio_lab.records.health import Loop
from trio_lab.records.queue import QueueStatistics
from trio_lab.records.summary import Summary


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def monitor(clock: Clock):
    monitor = PassMonitor(clock)
    monitor.install()
    yield monitor
    monitor.remove()


async def test_a_step_that_blocks_is_a_long_pass(clock: Clock, monitor: PassMonitor) -> None:
    clock.now += 0.3
    await trio.lowlevel.checkpoint()
    await trio.lowlevel.checkpoint()
    assert monitor.busy.max == pytest.approx(0.3)


async def test_many_small_steps_are_one_long_pass(clock: Clock, monitor: PassMonitor) -> None:
    async def small() -> None:
        clock.now += 0.001

    async with trio.open_nursery() as nursery:
        for _ in range(200):
            nursery.start_soon(small)
    await trio.lowlevel.checkpoint()
    assert monitor.busy.max == pytest.approx(0.2)


async def test_the_pass_that_asks_counts(clock: Clock, monitor: PassMonitor) -> None:
    window = PassWindow(monitor)
    clock.now += 0.4
    assert window.read(reset=False).passes.max == pytest.approx(0.4)


async def test_utilization_is_the_share_not_spent_polling(clock: Clock, monitor: PassMonitor) -> None:
    await trio.lowlevel.checkpoint()
    window = PassWindow(monitor)
    clock.now += 1.0
    monitor.before_io_wait(10.0)
    clock.now += 3.0
    monitor.after_io_wait(10.0)
    assert window.read(reset=True).utilization == pytest.approx(0.25)
    clock.now += 1.0  # the next window begins with nothing waited
    assert window.read(reset=True).utilization == pytest.approx(1.0)


@pytest.mark.parametrize(("slept", "overslept"), [(10.0, False), (10.04, False), (0.5, False), (10.3, True)])
async def test_a_poll_is_late_only_when_it_ends_after_its_timeout(
    clock: Clock, monitor: PassMonitor, slept: float, overslept: bool
) -> None:
    found: list[tuple[float, float]] = []
    monitor.budget = 0.05
    monitor.on_overslept = lambda due, ended: found.append((due, ended))
    began = clock.now
    monitor.before_io_wait(10.0)
    clock.now += slept
    monitor.after_io_wait(10.0)
    assert found == ([(began + 10.0, began + slept)] if overslept else [])


async def test_a_pass_over_the_budget_is_told_with_its_begin_and_end_and_an_idle_loop_is_not(
    clock: Clock, monitor: PassMonitor
) -> None:
    found: list[tuple[float, float]] = []
    monitor.budget = 0.05
    monitor.on_long = lambda began, ended: found.append((began, ended))
    for busy in (0.05, 0.06, 0.0):
        began = clock.now
        monitor.after_io_wait(100.0)
        clock.now += busy
        monitor.before_io_wait(100.0)
        clock.now += 100.0
    assert found == [(began - 100.06, pytest.approx(began - 100.0))]


def _hook(loop: LoopTime, clock: Clock, timeout: float, seconds: float) -> None:
    loop.before_io_wait(timeout)
    clock.now += seconds
    loop.after_io_wait(timeout)


def _timed(loop: LoopTime, clock: Clock, timeout: float, seconds: float) -> None:
    def poll(timeout: float | None) -> None:
        clock.now += seconds

    loop.timing(poll)(timeout)


@pytest.mark.parametrize("polled", [_hook, _timed])
def test_a_poll_that_may_not_wait_is_part_of_the_pass_after_it(
    clock: Clock, polled: Callable[[LoopTime, Clock, float, float], None]
) -> None:
    loop = LoopTime(clock)
    found: list[tuple[float, float]] = []
    passes: list[float] = []
    loop.budget, loop.on_long = 0.5, lambda began, ended: found.append((began, ended))
    loop.on_pass = lambda: passes.append(clock.now)
    clock.now += 0.25
    polled(loop, clock, 0.0, 0.25)
    assert loop.pass_began() == 100.25
    clock.now += 0.5
    polled(loop, clock, 10.0, 1.0)
    assert (loop.busy.count, loop.busy.total, loop.busy.max) == (2, 1.0, 0.75)
    assert (loop.waited, loop.free_polls, loop.pass_began()) == (1.0, 1, 102.0)
    assert (found, passes) == ([(100.25, 101.0)], [100.25, 102.0])


@pytest.mark.parametrize("polled", [_hook, _timed])
def test_passes_are_put_into_their_buckets_now_and_then(
    clock: Clock, polled: Callable[[LoopTime, Clock, float, float], None]
) -> None:
    loop, most = LoopTime(clock), 0
    for number in range(3 * LOT):
        clock.now += 1 / 4096
        polled(loop, clock, number % 2, 0.0)
        most = max(most, len(loop.busy.pending))
    assert LOT <= most < LOT + 1000
    assert loop.busy.total == 3.0


@pytest.mark.parametrize("polled", [_hook, _timed])
def test_a_loop_that_runs_on_although_it_had_stopped_counts_no_time_of_that(
    clock: Clock, polled: Callable[[LoopTime, Clock, float, float], None]
) -> None:
    loop = LoopTime(clock)
    loop.pause()
    loop.pause()
    clock.now += 1.0
    polled(loop, clock, 10.0, 0.0)
    clock.now += 0.5
    polled(loop, clock, 0.0, 0.0)
    assert (loop.busy.max, loop.busy.total) == (0.5, 0.5)


def test_a_poll_of_a_guest_is_no_part_of_a_pass_whatever_its_timeout(clock: Clock) -> None:
    """Its host runs meanwhile."""
    loop = LoopTime(clock)
    found: list[tuple[float, float]] = []
    loop.hosted, loop.budget, loop.on_long = True, 0.05, lambda began, ended: found.append((began, ended))
    _hook(loop, clock, 0.0, 1.0)
    assert (loop.waited, loop.free_polls, loop.pass_began()) == (1.0, 0, 101.0)
    clock.now += 0.03125
    loop.before_io_wait(0.0)
    assert (loop.busy.total, found) == (0.03125, [])


async def test_a_run_in_another_loop_is_known_as_a_guest() -> None:
    ended: list[bool] = []

    async def guest() -> None:
        async with open_pass_monitor() as monitor:
            ended.append(monitor.hosted)

    async def host() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        trio.lowlevel.start_guest_run(
            guest, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=lambda _: over.set()
        )
        await over.wait()

    await trio.to_thread.run_sync(asyncio.run, host())
    async with open_pass_monitor() as monitor:
        ended.append(monitor.hosted)
    assert ended == [True, False]


def test_a_window_that_ends_while_the_loop_polls_cuts_no_pass(clock: Clock) -> None:
    loop = LoopTime(clock)
    loop.before_io_wait(1.0)
    loop.cut()
    clock.now += 1.0
    loop.after_io_wait(1.0)
    assert (loop.busy.count, loop.pass_began(), loop.busy_now()) == (1, 101.0, 0.0)


def test_a_budget_that_is_set_while_a_window_ends_hides_no_later_pass(clock: Clock) -> None:
    """Another thread may set it, between any two lines of `cut`."""
    loop = LoopTime(clock)
    found: list[tuple[float, float]] = []
    loop.on_long = lambda began, ended: found.append((began, ended))
    loop.cut()
    loop._limit = loop._budget = 0.5
    loop.renew_at = -1.0
    clock.now += 0.25
    _hook(loop, clock, 0.0, 0.0)
    assert loop.pass_began() == 100.25
    clock.now += 1.0
    _hook(loop, clock, 0.0, 0.0)
    assert found == [(100.25, 101.25)]


def test_exactly_the_budget_is_within_it(clock: Clock) -> None:
    found: list[tuple[float, float]] = []
    loop = LoopTime(clock)
    loop.budget = 0.25
    loop.on_long = loop.on_overslept = lambda began, ended: found.append((began, ended))
    clock.now += 0.25
    loop.before_io_wait(10.0)
    clock.now += 10.25
    loop.after_io_wait(10.0)
    assert found == []


def test_a_budget_alone_tells_nobody_and_a_pass_may_begin_anew(clock: Clock) -> None:
    loop = LoopTime(clock)
    loop.budget = 0.25
    clock.now += 1.0
    loop.before_io_wait(1.0)
    loop.begin()
    clock.now += 0.5
    assert loop.busy_now() == 0.5


def test_another_thread_sees_how_long_the_pass_has_lasted_and_no_pass_in_a_poll(clock: Clock) -> None:
    loop = LoopTime(clock)
    clock.now += 0.5
    assert (loop.pass_began(), loop.busy_now()) == (100.0, 0.5)
    loop.before_io_wait(1.0)
    clock.now += 1.0
    assert (loop.pass_began(), loop.busy_now()) == (None, 0.0)
    loop.after_io_wait(1.0)
    assert (loop.pass_began(), loop.busy_now()) == (101.5, 0.0)


def test_a_pass_is_reported_as_health_has_it() -> None:
    passes = Summary(count=7, mean=0.1, p50=0.2, p90=0.3, p99=0.4, p99_9=0.45, max=0.5)
    assert LoopStatistics(passes=passes, delay_p99=0.35, utilization=0.6, blind="why").record() == Loop(
        mean=0.1, p50=0.2, p99=0.4, max=0.5, delay_p99=0.35, utilization=0.6, passes=7, blind="why"
    )


async def test_a_window_without_time_has_no_utilization(clock: Clock, monitor: PassMonitor) -> None:
    assert PassWindow(monitor).read(reset=False).utilization == 0.0


async def test_windows_are_independent(clock: Clock, monitor: PassMonitor) -> None:
    mine, yours = PassWindow(monitor), PassWindow(monitor)
    clock.now += 0.2
    await trio.lowlevel.checkpoint()
    assert mine.read(reset=True).passes.max == pytest.approx(0.2, rel=0.01)
    assert yours.read(reset=True).passes.max == pytest.approx(0.2, rel=0.01)
    assert mine.read(reset=True).passes.max < 0.1


async def test_a_block_belongs_to_one_window_only(clock: Clock, monitor: PassMonitor) -> None:
    window = PassWindow(monitor)
    clock.now += 0.3  # the pass that blocks asks itself, and then goes on
    assert window.read(reset=True).passes.max == pytest.approx(0.3)
    clock.now += 0.01
    await trio.lowlevel.checkpoint()
    after = window.read(reset=True)
    assert after.passes.max == pytest.approx(0.01, rel=0.01)
    assert after.utilization == pytest.approx(1.0)  # no time was spent waiting


def test_a_pass_in_which_a_window_ends_is_one_pass_all_the_same(clock: Clock) -> None:
    found: list[tuple[float, float]] = []
    loop = PassMonitor(clock)
    loop.budget, loop.on_long = 0.5, lambda began, ended: found.append((began, ended))
    window = PassWindow(loop)
    for _ in range(2):
        clock.now += 0.375
        assert window.read(reset=True).passes.max == 0.375
        assert (loop.pass_began(), loop.busy_now()) == (100.0, 0.0)
    loop.before_io_wait(1.0)
    assert found == [(100.0, 100.75)]
    assert (window.read(reset=False).passes.max, loop.busy.total) == (0.0, 0.75)


async def test_a_monitor_that_was_taken_out_says_that_it_is_blind(clock: Clock, monitor: PassMonitor) -> None:
    window = PassWindow(monitor)
    clock.now += 1.0
    assert window.read(reset=False).blind is None
    trio.lowlevel.remove_instrument(monitor)
    blind = window.read(reset=False).blind
    assert blind is not None
    assert blind.startswith("Trio removed the pass monitor")


async def test_trio_is_asked_for_the_monitor_only_when_the_last_poll_is_more_than_a_moment_ago() -> None:
    clock = Clock()
    clock.now = 0.0
    monitor = PassMonitor(clock)
    monitor.install()
    monitor.before_io_wait(0.0)
    trio.lowlevel.remove_instrument(monitor)
    clock.now = 0.02
    assert monitor.blind is None
    clock.now = 0.021
    assert monitor.blind is not None
    monitor.remove()


async def test_a_blind_monitor_sees_again_when_it_is_installed_again(clock: Clock, monitor: PassMonitor) -> None:
    trio.lowlevel.remove_instrument(monitor)
    clock.now += 0.25
    assert monitor.blind is not None
    monitor.install_again()
    clock.now += 0.125
    assert monitor.blind is None
    await trio.lowlevel.checkpoint()
    assert monitor.busy.max == pytest.approx(0.125)


async def test_a_window_in_which_the_monitor_was_blind_for_a_while_says_so(clock: Clock, monitor: PassMonitor) -> None:
    window, live = PassWindow(monitor), LoopWindow(monitor, older=True)
    trio.lowlevel.remove_instrument(monitor)
    clock.now += 1.0
    monitor.install_again()
    assert monitor.blind is None
    found = window.read(reset=True)
    assert (found.blind or "").startswith("Trio removed the pass monitor")
    assert found.delay_p99 is None
    after = window.read(reset=True)
    assert (after.blind, after.delay_p99) == (None, 0.0)
    for seen in (False, False, True):  # it has the older one, too
        assert (live.read().blind is None) == seen
        live.turn()


async def test_a_monitor_that_was_not_blind_measures_on(clock: Clock, monitor: PassMonitor) -> None:
    clock.now += 0.25
    monitor.install_again()
    await trio.lowlevel.checkpoint()
    assert monitor.busy.max == pytest.approx(0.25)


async def test_a_monitor_that_was_taken_down_sees_nothing_and_is_not_blind(clock: Clock, monitor: PassMonitor) -> None:
    await trio.lowlevel.checkpoint()
    monitor.remove()
    clock.now += 1.0
    await trio.lowlevel.checkpoint()
    assert monitor.busy.max == 0.0
    assert (monitor.blind, PassMonitor(clock).blind) == (None, None)


async def test_a_monitor_that_raised_says_that_it_is_blind(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(PassMonitor):
        def before_io_wait(self, timeout: float) -> None:
            raise RuntimeError("broken on purpose")

    broken = Broken()
    with caplog.at_level(logging.CRITICAL, logger="trio.abc.Instrument"):
        broken.install()
        await trio.lowlevel.checkpoint()
    assert broken.blind is not None
    broken.remove()


def test_a_pass_monitor_is_for_trio() -> None:
    async def measure() -> None:
        async with open_pass_monitor():
            pass

    with pytest.raises(RuntimeError, match="the pass monitor needs a Trio loop; this runs under asyncio"):
        asyncio.run(measure())


async def test_the_run_queue_counts_passes_and_does_not_guess_who_waits(clock: Clock, monitor: PassMonitor) -> None:
    clock.now += 0.25
    await trio.lowlevel.checkpoint()
    statistics = RunQueue(monitor).statistics()
    assert statistics.service is not None
    assert statistics.service.max == pytest.approx(0.25)
    assert statistics.completions == statistics.service.count
    assert (statistics.waiting, statistics.wait) == (None, None)


def test_the_run_queue_has_one_place_and_is_used_while_it_does_not_wait(clock: Clock) -> None:
    loop = LoopTime(clock)
    assert RunQueue(loop).statistics().utilization == 0.0
    for _ in range(2):
        clock.now += 0.125
        loop.before_io_wait(1.0)
        clock.now += 0.125
        loop.after_io_wait(1.0)
    assert RunQueue(loop).statistics() == QueueStatistics(
        name="run_queue", capacity=1, utilization=0.5, completions=2, service=loop.busy.summary(), kinds=()
    )


async def test_the_timer_probe_reads_its_resolution_on_an_idle_loop(autojump_clock) -> None:
    async with open_timer_probe() as probe:
        await trio.sleep(1.0)
        intervals = probe.read(reset=True)
        assert intervals.count == pytest.approx(1.0 / RESOLUTION, abs=1)
        assert intervals.mean == pytest.approx(RESOLUTION)
        assert probe.read(reset=False).count == 0


async def test_the_timer_probe_counts_a_long_block_once(autojump_clock) -> None:
    async with open_timer_probe() as probe:
        await trio.sleep(0.1)
        probe.read(reset=True)
        autojump_clock.jump(0.5)
        await trio.sleep(0.001)
        assert probe.read(reset=True).max >= 0.5
