"""The time of an event loop: passes, in which it runs tasks, and polls, in which it waits for I/O.

Every event loop here alternates the two. A monitor (`passes` for Trio, `asyncio_loop` for asyncio) calls `before_io_wait`
and `after_io_wait` around each poll; the figures and the windows of their readers are the same for both loops.

A poll whose timeout is 0, because something is due already, waits for nothing: it is part of the pass after it, as in libuv. In
a loop under load nearly all are like that, and then one reading of the clock a pass is enough. (Not where Trio is the guest of
another loop, which runs between its passes.)
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, NoReturn, TypeVar

from ..measure.histogram import LOT, Histogram
from ..records.summary import Summary

if TYPE_CHECKING:
    from ..records.health import Loop

T = TypeVar("T")
_POLLS = math.inf  # in place of when a pass began, while the loop polls
_RENEWED = 0.1  # seconds between two renewals that nobody asked for
RESOLUTION = 0.020  # seconds that a timer probe sleeps; the articles' choice


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStatistics:
    """Passes of the run loop in one window, in seconds. ``delay_p99`` is how late the loop comes to what is due, at 99 % of
    all moments; None when it is not known. ``blind`` says why not every pass was seen; None when it was."""

    passes: Summary
    delay_p99: float | None
    utilization: float
    blind: str | None

    def record(self) -> Loop:
        """The same as `/health` reports it."""
        from ..records.health import Loop  # a program that only watches its loop starts without msgspec

        passes = self.passes
        return Loop(
            mean=passes.mean,
            p50=passes.p50,
            p99=passes.p99,
            max=passes.max,
            delay_p99=self.delay_p99,
            utilization=self.utilization,
            passes=passes.count,
            blind=self.blind,
        )


def _ignore(began: float, ended: float) -> None:
    """The callback until another one is set."""


def nothing(now: float) -> None:
    """There is nothing to do at a renewal."""


class LoopTime:
    """Busy time of each pass and time waited for I/O."""

    tells_begins = True
    """Whether ``on_renew`` is called when passes begin, and not only when polls do."""

    hosted = False
    """Whether another loop runs during polls, also when their timeout is 0."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self.busy = Histogram()
        self._pending = self.busy.pending
        self.waited = 0.0
        self.free_polls = 0
        """Polls that were allowed to wait, because no task was runnable; they may have found I/O at once all the same."""
        self._budget = self._limit = math.inf
        self.on_long: Callable[[float, float], None] = _ignore
        self.on_overslept: Callable[[float, float], None] = _ignore
        """Called when a poll ended by more than the budget after its timeout, with the time at which it was due to end and
        its end. No task ran in between, but all timers that were due are late."""
        self.renew_at = -math.inf
        self.on_renew: Callable[[float], None] = nothing
        """Called with the time when a pass begins at ``renew_at`` or later. It may set that to the time of the next call."""
        self.gaps = 0
        """How often it was blind for a while so far: passes of that time are missing."""
        self._gap: str | None = None  # why the last time
        self.on_pass: Callable[[], None] | None = None
        """Called when a pass begins; on uvloop, when one has ended."""
        self._pass_began = self._poll_began = self._clock()
        self._cut_began: float | None = None  # when the current pass began, if a window has ended within it: see `cut`
        self._timeout: float | None = 0.0  # of the last poll
        self._times: list[bool] = []  # empty: the poll is not timed

    @property
    def budget(self) -> float:
        """Seconds. When a pass took longer, ``on_long`` is called with its begin and its end."""
        return self._budget

    @budget.setter
    def budget(self, budget: float) -> None:
        self._budget = budget
        self._limit = budget if self._cut_began is None else -math.inf

    # Called by the loop. They do so little that they cannot raise. They are called in each pass, and so whatever is not needed
    # in each is done at a renewal, or behind a comparison that is made anyway.

    def before_io_wait(self, timeout: float) -> None:
        now = self._poll_began = self._clock()
        began = self._pass_began
        busy = now - began
        self._pending.append(busy)
        if timeout > 0 or self.hosted:
            self._timeout = timeout
            self._pass_began = _POLLS
            self.free_polls += timeout > 0
            if busy > self._limit:
                self._judge(began, now)
            return
        self._pass_began = now  # before `renew_at` is read: see `wakes`
        if busy > self._limit:
            self._judge(began, now)
        if now >= self.renew_at:
            self._renew(now)
        if self.on_pass is not None:
            self.on_pass()

    def after_io_wait(self, timeout: float) -> None:
        if timeout <= 0 and not self.hosted:
            return
        now = self._pass_began = self._clock()
        slept = now - self._poll_began
        self.waited += slept
        if slept > self._budget:
            self._judge_poll(now)
        if now >= self.renew_at:
            self._renew(now)
        if self.on_pass is not None:
            self.on_pass()

    def timing(self, poll: Callable[[float | None], T]) -> Callable[[float | None], T]:
        """The poll of a loop, which calls `before_io_wait` and `after_io_wait` in effect. They are written out, because two
        calls less save a quarter of what they cost.

        What an earlier call has returned, and other code may have put something around, no longer times its poll."""
        clock, pending, polls = self._clock, self._pending, _POLLS
        self.stop_timing()
        times = self._times = [True]

        def timed_poll(timeout: float | None = None) -> T:
            if not times:
                return poll(timeout)
            now = clock()
            began = self._pass_began
            busy = now - began
            pending.append(busy)  # named here: for that the interpreter has an instruction, which calls nothing
            if timeout is not None and timeout <= 0:
                self._pass_began = now
                if busy > self._limit:
                    self._judge(began, now)
                if now >= self.renew_at:
                    self._renew(now)
                if self.on_pass is not None:
                    self.on_pass()
                return poll(timeout)
            self._poll_began, self._timeout = now, timeout
            self._pass_began = polls
            self.free_polls += 1
            if busy > self._limit:
                self._judge(began, now)
            try:
                return poll(timeout)
            finally:
                now = self._pass_began = clock()
                slept = now - self._poll_began
                self.waited += slept
                if slept > self._budget:
                    self._judge_poll(now)
                if now >= self.renew_at:
                    self._renew(now)
                if self.on_pass is not None:
                    self.on_pass()

        return timed_poll

    def _judge(self, began: float, ended: float) -> None:
        """A pass is over that was long, or in which a window has ended."""
        began = self._uncut(began)
        if ended - began > self._budget:
            self.on_long(began, ended)

    def _uncut(self, began: float) -> float:
        """When the whole of a pass began that is over, or whose last part began then."""
        cut, self._cut_began = self._cut_began, None
        self._limit = self._budget
        return began if cut is None else cut

    def _judge_poll(self, ended: float) -> None:
        """A long poll is over."""
        if ended - (due := self.poll_ends()) > self._budget:
            self.on_overslept(due, ended)

    def _renew(self, now: float) -> None:
        """A pass begins. Whatever another thread that set the budget has made of the end of the last one is put right, too."""
        self._uncut(now)
        self.renew_at = now + _RENEWED
        self.on_renew(now)
        if len(self._pending) >= LOT:
            self.busy.settle()

    def stop_timing(self) -> None:
        """What `timing` has returned only polls from now on."""
        self._times.clear()

    def begin(self) -> None:
        """Start measuring: the current pass counts from now on."""
        now = self._clock()
        self._uncut(now)
        self._pass_began = now
        if now >= self.renew_at:
            self._renew(now)

    def begin_with_a_poll(self) -> None:
        """Start measuring: no time is counted until the next poll has ended."""
        self.begin()
        self._timeout = None
        self._pass_began = _POLLS

    def pause(self) -> None:
        """The loop has stopped and may run again: the pass ends, and until `begin` no time is counted."""
        if self._pass_began != _POLLS:
            self.before_io_wait(math.inf)  # nobody waits for its end

    @property
    def blind(self) -> str | None:
        """None while every pass is seen, else why not."""
        raise NotImplementedError

    def blind_since(self, gaps: int) -> str | None:
        """None if every pass was seen since there were so many ``gaps``, else why not."""
        return self.blind or (self._gap if self.gaps > gaps else None)

    def cut(self) -> None:
        """Count the current pass so far as a pass of its own, because a window ends here. Whether it takes longer than the
        budget is decided by the whole of it."""
        if self._pass_began == _POLLS:
            return
        now = self._clock()
        self.busy.record(now - self._pass_began)
        self._cut(self._pass_began)
        self._pass_began = now

    def _cut(self, began: float) -> None:
        """A window has ended in a pass that began then, or was cut before."""
        if self._cut_began is None:
            self._cut_began = began
        self._limit = -math.inf

    def pass_began(self) -> float | None:
        """When the current pass began; None while the loop polls, which only another thread can see."""
        began, cut = self._pass_began, self._cut_began
        if began == _POLLS:
            return None
        return began if cut is None else cut

    def poll_ends(self) -> float:
        """When the current poll, or the last one, is due to end."""
        return math.inf if self._timeout is None else self._poll_began + self._timeout

    def waited_so_far(self) -> float:
        """Seconds waited for I/O, those right before the current pass included. Call it in the loop."""
        return self.waited

    def busy_now(self) -> float:
        """Seconds of the current pass that have not been counted yet; 0.0 while the loop polls, which only another thread can
        see."""
        return max(0.0, self._clock() - self._pass_began)


class PassWindow:
    """One reader's view of a loop: what happened since its last reset. Readers do not disturb each other."""

    def __init__(self, loop: LoopTime) -> None:
        self._loop = loop
        self._busy = loop.busy.follow()
        self._waited = loop.waited_so_far()
        self._gaps = loop.gaps

    def read(self, *, reset: bool) -> LoopStatistics:
        """Statistics of the window; with ``reset`` the next window begins here."""
        loop = self._loop
        blind = loop.blind_since(self._gaps)
        if reset:
            loop.cut()
        passes = self._busy
        if not reset:
            # Include the pass that this call is part of: without it, a loop that is blocked now would look idle.
            passes = passes.copy()
            passes.record(loop.busy_now())
        waited = loop.waited_so_far()
        spent = passes.total + waited - self._waited
        found = LoopStatistics(
            passes=passes.summary(),
            delay_p99=passes.delay(0.99, spent) if blind is None else None,
            utilization=passes.total / spent if spent > 0 else 0.0,
            blind=blind,
        )
        if reset:
            self._busy.clear()
            self._waited, self._gaps = waited, loop.gaps
        return found


class Intervals:
    """Seconds between the wakes of a timer probe: ``all`` of them, and those since the last reset of the one reader."""

    def __init__(self) -> None:
        self.all = Histogram()
        self._window = self.all.follow()

    async def probe(self, sleep: Callable[[float], Awaitable[None]], clock: Callable[[], float]) -> NoReturn:
        """Sleep again and again, with the ``sleep`` and the ``clock`` of the loop."""
        last = clock()
        while True:
            await sleep(RESOLUTION)
            now = clock()
            self.all.record(now - last)
            last = now

    def read(self, *, reset: bool) -> Histogram:
        """The intervals of the window; with ``reset`` a new window begins."""
        read = self._window
        if reset:
            read = read.copy()  # a window goes on to fill as long as it is referenced
            self._window.clear()
        return read
