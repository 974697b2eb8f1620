"""A bulkhead: so many may be served at once, so many may wait, and each only for so long.

It is the one place that decides who may enter. All its decisions are synchronous; a task that has to wait is parked,
and is woken with its place in hand or with the error that refuses it.

What it guarantees:

- never more than ``capacity`` places are out, never more than ``max_waiting`` callers wait;
- first come, first served;
- a caller that is cancelled while waiting leaves the queue at once: whoever comes next finds its slot free;
- a place is never given to a caller whose queue timeout has passed, even when its task did not yet get to notice;
- a place that was given is held until it is given back with `leave`, by whoever holds it then. It need not be the task
  that entered: a job that outlives its caller keeps the place it really occupies.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import outcome
import trio

from ..errors import QueueFull, QueueTimeout
from ..measure.histogram import Histogram
from ..measure.queues import QueueStatistics


class Place:
    """The right to be served. Give it back once, with `Bulkhead.leave`."""

    __slots__ = ("entered", "waited")

    def __init__(self, entered: float, waited: float) -> None:
        self.entered = entered
        self.waited = waited
        """Seconds spent in the queue before the place was given."""


class _Waiter:
    __slots__ = ("arrived", "deadline", "task")

    def __init__(self, task: trio.lowlevel.Task, arrived: float, deadline: float) -> None:
        self.task = task
        self.arrived = arrived
        self.deadline = deadline


class Bulkhead:
    """Bounded admission to something of ``capacity`` places.

    Args:
        name: the fixed name of the queue; it stands in errors and statistics.
        capacity: places that may be out at once; 0 lets everybody wait (see `resize`).
        max_waiting: callers that may wait at once, None for no bound.
        queue_timeout: seconds each may wait, None for no bound.
    """

    def __init__(
        self,
        name: str,
        *,
        capacity: int,
        max_waiting: int | None = None,
        queue_timeout: float | None = None,
    ) -> None:
        if capacity < 0 or (max_waiting is not None and max_waiting < 0):
            raise ValueError("capacity and max_waiting must not be negative")
        self.name = name
        self.capacity = capacity
        self.max_waiting = max_waiting
        self.queue_timeout = queue_timeout
        self._waiters: OrderedDict[_Waiter, None] = OrderedDict()
        self._in_service = 0
        self._closed = False
        self._opened = self._changed = trio.current_time()
        self._busy_seconds = self._offered_seconds = 0.0  # integrals over time of places out, and of capacity
        self._arrivals = self._completions = self._rejected = self._timed_out = self._cancelled = 0
        self._peak_waiting = 0
        self._wait = Histogram()
        self._service = Histogram()

    def __repr__(self) -> str:
        bound = "∞" if self.max_waiting is None else self.max_waiting
        return f"<Bulkhead {self.name} {self._in_service}/{self.capacity} busy, {len(self._waiters)}/{bound} queued>"

    @property
    def in_service(self) -> int:
        return self._in_service

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    def enter_nowait(self) -> Place:
        """A place without waiting.

        Raises:
            trio.WouldBlock: others are being served or wait; you may `enter`.
            QueueFull: and as many wait as may.
            trio.ClosedResourceError: the bulkhead was closed.
        """
        if self._closed:
            raise trio.ClosedResourceError(f"{self.name} is closed")
        if self._in_service < self.capacity and not self._waiters:
            self._arrivals += 1
            return self._give(trio.current_time(), 0.0)
        if self.max_waiting is not None and len(self._waiters) >= self.max_waiting:
            self._arrivals += 1
            self._rejected += 1
            raise QueueFull(self.name)
        raise trio.WouldBlock

    async def enter(self, *, queue_timeout: float | None = None) -> Place:
        """Wait for a place, at most ``queue_timeout`` seconds (default: the bulkhead's own bound).

        Raises:
            QueueFull: at once, when as many wait as may.
            QueueTimeout: no place came in time.
            trio.ClosedResourceError: the bulkhead was closed before a place came.
        """
        await trio.lowlevel.checkpoint()
        try:
            return self.enter_nowait()
        except trio.WouldBlock:
            return await self._wait_for_place(self.queue_timeout if queue_timeout is None else queue_timeout)

    async def _wait_for_place(self, queue_timeout: float | None) -> Place:
        now = trio.current_time()
        deadline = math.inf if queue_timeout is None else now + queue_timeout
        waiter = _Waiter(trio.lowlevel.current_task(), now, deadline)
        self._arrivals += 1
        self._waiters[waiter] = None
        self._peak_waiting = max(self._peak_waiting, len(self._waiters))

        def leave_queue(_: object) -> trio.lowlevel.Abort:
            del self._waiters[waiter]
            return trio.lowlevel.Abort.SUCCEEDED

        try:
            with trio.CancelScope(deadline=deadline):
                place: Place = await trio.lowlevel.wait_task_rescheduled(leave_queue)
                return place
        except trio.Cancelled:
            self._cancelled += 1
            raise
        self._timed_out += 1
        raise QueueTimeout(self.name)

    def leave(self, place: Place) -> None:
        """Give a place back; the longest waiting caller that may still be served gets it."""
        now = trio.current_time()
        self._account(now)
        self._in_service -= 1
        self._completions += 1
        self._service.record(now - place.entered)
        self._hand_out(now)

    @asynccontextmanager
    async def place(self, *, queue_timeout: float | None = None) -> AsyncIterator[Place]:
        """``async with bulkhead.place():`` enters and leaves. Raises what `enter` raises."""
        place = await self.enter(queue_timeout=queue_timeout)
        try:
            yield place
        finally:
            self.leave(place)

    def resize(self, capacity: int) -> None:
        """Change the number of places at once. Places that are out stay out until they are given back."""
        if capacity < 0:
            raise ValueError("capacity must not be negative")
        now = trio.current_time()
        self._account(now)
        self.capacity = capacity
        self._hand_out(now)

    def close(self) -> None:
        """Refuse everybody who waits, and everybody who comes, with `trio.ClosedResourceError`."""
        self._closed = True
        while self._waiters:
            waiter, _ = self._waiters.popitem(last=False)
            self._cancelled += 1
            refusal = outcome.Error(trio.ClosedResourceError(f"{self.name} is closed"))
            trio.lowlevel.reschedule(waiter.task, refusal)

    def _hand_out(self, now: float) -> None:
        while self._waiters and self._in_service < self.capacity:
            waiter, _ = self._waiters.popitem(last=False)
            if waiter.deadline <= now:
                # Its own timer has not run yet: the loop was late. Its place would be wasted on it.
                self._timed_out += 1
                trio.lowlevel.reschedule(waiter.task, outcome.Error(QueueTimeout(self.name)))
            else:
                place = self._give(now, now - waiter.arrived)
                trio.lowlevel.reschedule(waiter.task, outcome.Value(place))

    def _give(self, now: float, waited: float) -> Place:
        self._account(now)
        self._in_service += 1
        self._wait.record(waited)
        return Place(now, waited)

    def _account(self, now: float) -> None:
        elapsed = now - self._changed
        self._changed = now
        self._busy_seconds += elapsed * self._in_service
        self._offered_seconds += elapsed * max(self.capacity, self._in_service)

    def statistics(self) -> QueueStatistics:
        """The queue now and since it was opened; ``utilization`` is the share of offered place-time in use."""
        self._account(trio.current_time())
        return QueueStatistics(
            name=self.name,
            capacity=self.capacity,
            in_service=self._in_service,
            waiting=len(self._waiters),
            max_waiting=self.max_waiting,
            peak_waiting=self._peak_waiting,
            utilization=self._busy_seconds / self._offered_seconds if self._offered_seconds else 0.0,
            arrivals=self._arrivals,
            completions=self._completions,
            rejected=self._rejected,
            timed_out=self._timed_out,
            cancelled=self._cancelled,
            wait=self._wait.summary(),
            service=self._service.summary(),
        )
