"""A bulkhead: so many may be served at once, so many may wait, and each only for so long.

It decides who may enter. All its decisions are synchronous; a task that has to wait is parked, and is woken with its
place in hand or with the error that refuses it.

What it guarantees:

- never more than ``capacity`` places are out (but those that were out when it shrank), never more than ``max_waiting``
  callers wait;
- those who wait are served in the order of the discipline, first come first served unless told otherwise;
- a caller that is cancelled while waiting leaves the queue at once: whoever comes next finds its slot free;
- a place is never given to a caller whose queue timeout has passed, even when its task did not yet get to notice;
- a place that was given is held until it is given back with `leave`, by whoever holds it then;
- entering and leaving cost the same however many wait.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import outcome
import trio

from ..errors import QueueTimeout
from ..records.queue import QueueStatistics
from .disciplines import Discipline
from .tally import Tallies, statistics
from .waiting_room import Entry, Refusal, WaitingRoom


class Place(Entry):
    """The right to be served, or the wish for it. Give it back once, with `Bulkhead.leave`."""

    __slots__ = ("_task",)

    def __init__(self, kind: str, priority: int, now: float, patience: float | None) -> None:
        super().__init__(kind, priority, now, patience)
        self._task: trio.lowlevel.Task | None = None

    @property
    def waited(self) -> float:
        """Seconds spent in the queue before the place was given."""
        return self.entered - self.arrived

    async def wait(self, room: WaitingRoom) -> None:
        self._task = trio.lowlevel.current_task()

        def abort(_: object) -> trio.lowlevel.Abort:
            room.remove(self)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def given(self) -> None:
        assert self._task is not None
        trio.lowlevel.reschedule(self._task)

    def refused(self, error: Exception) -> None:
        assert self._task is not None
        trio.lowlevel.reschedule(self._task, outcome.Error(error))


class Bulkhead:
    """Bounded admission to something of ``capacity`` places.

    Args:
        name: the fixed name of the queue; it stands in errors and statistics.
        capacity: places that may be out at once; 0 lets everybody wait (see `resize`).
        max_waiting: callers that may wait at once, None for no bound.
        queue_timeout: seconds each may wait, None for no bound.
        discipline: the order of service, see `disciplines`.
    """

    def __init__(
        self,
        name: str,
        *,
        capacity: int,
        max_waiting: int | None = None,
        queue_timeout: float | None = None,
        discipline: Discipline[Any] | None = None,
    ) -> None:
        if capacity < 0 or (max_waiting is not None and max_waiting < 0):
            raise ValueError("capacity and max_waiting must not be negative")
        self.name = name
        self.capacity = capacity
        self.max_waiting = max_waiting
        self.queue_timeout = queue_timeout
        self._tallies = Tallies()
        self._room = WaitingRoom(name, max_waiting=max_waiting, discipline=discipline, tallies=self._tallies)
        self._in_service = 0
        self._closed = False
        self._changed = trio.current_time()
        self._busy_seconds = self._offered_seconds = 0.0  # integrals over time of places out, and of capacity

    def __repr__(self) -> str:
        bound = "∞" if self.max_waiting is None else self.max_waiting
        return f"<Bulkhead {self.name} {self._in_service}/{self.capacity} busy, {self.waiting}/{bound} queued>"

    @property
    def in_service(self) -> int:
        return self._in_service

    @property
    def waiting(self) -> int:
        return len(self._room)

    def enter_nowait(self, *, kind: str = "", priority: int = 0) -> Place:
        """A place without waiting.

        Raises:
            trio.WouldBlock: others are being served or wait; you may `enter`.
            trio.ClosedResourceError: the bulkhead was closed.
        """
        if self._closed:
            raise trio.ClosedResourceError(f"{self.name} is closed")
        if self._in_service >= self.capacity or self.waiting:
            raise trio.WouldBlock
        now = trio.current_time()
        place = Place(kind, priority, now, None)
        self._tallies[kind].arrivals += 1
        self._give(place, now)
        return place

    async def enter(self, *, queue_timeout: float | None = None, kind: str = "", priority: int = 0) -> Place:
        """Wait for a place, at most ``queue_timeout`` seconds (default: the bulkhead's own bound).

        Raises:
            QueueFull: at once, when as many wait as may.
            QueueTimeout: no place came in time.
            Shed: the discipline refused it.
            trio.ClosedResourceError: the bulkhead was closed before a place came.
        """
        await trio.lowlevel.checkpoint()
        try:
            return self.enter_nowait(kind=kind, priority=priority)
        except trio.WouldBlock:
            pass
        patience = self.queue_timeout if queue_timeout is None else queue_timeout
        place = Place(kind, priority, trio.current_time(), patience)
        self._tallies[kind].arrivals += 1
        self._room.add(place, self.waiting)
        await self._wait(place)
        return place

    async def _wait(self, place: Place) -> None:
        """The caller's own timer, so that a bulkhead needs no task to watch it."""
        with trio.CancelScope(deadline=place.deadline) as scope:
            await place.wait(self._room)
        if scope.cancelled_caught:
            tally = self._tallies[place.kind]
            tally.cancelled -= 1  # the queue counted somebody who left; it was the timer
            tally.timed_out += 1
            raise QueueTimeout(self.name)

    def leave(self, place: Place) -> None:
        """Give a place back; whoever is next gets it."""
        now = trio.current_time()
        self._account(now)
        self._in_service -= 1
        self._tallies[place.kind].complete(place.waited, now - place.entered)
        self._hand_out(now)

    @asynccontextmanager
    async def place(
        self, *, queue_timeout: float | None = None, kind: str = "", priority: int = 0
    ) -> AsyncIterator[Place]:
        """``async with bulkhead.place():`` enters and leaves. Raises what `enter` raises."""
        place = await self.enter(queue_timeout=queue_timeout, kind=kind, priority=priority)
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
        for entry in self._room.clear():
            assert isinstance(entry, Place)
            entry.refused(trio.ClosedResourceError(f"{self.name} was closed"))

    def _hand_out(self, now: float) -> None:
        refusals: list[Refusal] = []
        while self._in_service < self.capacity and (entry := self._room.take(now, refusals)) is not None:
            assert isinstance(entry, Place)
            self._give(entry, now)
            entry.given()
        for refused, error in refusals:
            assert isinstance(refused, Place)
            refused.refused(error)

    def _give(self, place: Place, now: float) -> None:
        self._account(now)
        place.entered = now
        self._in_service += 1

    def _account(self, now: float) -> None:
        elapsed = now - self._changed
        self._changed = now
        self._busy_seconds += elapsed * self._in_service
        self._offered_seconds += elapsed * max(self.capacity, self._in_service)

    def kinds(self) -> list[str]:
        """The kinds that ever came."""
        return sorted(self._tallies)

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        """The queue now and since it was opened; ``utilization`` is the share of offered place-time in use.

        With a ``kind`` the counts and histograms are those of that kind; the state is that of the whole queue.
        """
        self._account(trio.current_time())
        return statistics(
            self.name if not kind else f"{self.name}.{kind}",
            self._tallies.total() if kind is None else self._tallies[kind],
            capacity=self.capacity,
            in_service=self._in_service,
            waiting=self.waiting,
            max_waiting=self.max_waiting,
            peak_waiting=self._room.peak,
            utilization=self._busy_seconds / self._offered_seconds if self._offered_seconds else 0.0,
        )
