"""Admission on asyncio: so many may be served at once, so many may wait, and each only for so long.

A semaphore would do for the first of the three. What this adds is what a server needs when there is more work than it
can do: a bound on the queue, a bound on the wait, a slot that is free as soon as its caller is cancelled, and counts.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict

from ...admission.tally import Tallies, statistics
from ...errors import QueueFull, QueueTimeout
from ...records.queue import QueueStatistics


class Closed(Exception):
    """You get it when the pool was closed before your job was started."""


class Place:
    """The right to be served, or the wish for it. Times in seconds, on the loop's clock."""

    __slots__ = ("arrived", "deadline", "entered", "kind")

    def __init__(self, kind: str, now: float, patience: float | None) -> None:
        self.kind = kind
        self.arrived = self.entered = now
        self.deadline = math.inf if patience is None else now + patience

    @property
    def waited(self) -> float:
        return self.entered - self.arrived


class Admission:
    """Bounded admission to something of ``capacity`` places, first come first served.

    ``max_waiting`` callers may wait at once, each for at most ``queue_timeout`` seconds; None is no bound.
    """

    def __init__(
        self, name: str, *, capacity: int, max_waiting: int | None = None, queue_timeout: float | None = None
    ) -> None:
        self.name = name
        self.capacity = capacity
        self.max_waiting = max_waiting
        self.queue_timeout = queue_timeout
        self.in_service = 0
        self._waiting: OrderedDict[Place, asyncio.Future[None]] = OrderedDict()
        self._closed = False
        self._tallies = Tallies()
        self._peak = 0
        self._clock = asyncio.get_running_loop().time
        self._changed = self._clock()
        self._busy_seconds = self._offered_seconds = 0.0  # integrals over time of places out, and of capacity

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def enter(self, kind: str) -> Place:
        """Wait for a place. Give it back once, with `leave`.

        Raises:
            QueueFull: at once, when as many wait as may.
            QueueTimeout: no place came in time.
            Closed: the pool is closed.
        """
        if self._closed:
            raise Closed
        now = self._clock()
        place, tally = Place(kind, now, self.queue_timeout), self._tallies[kind]
        tally.arrivals += 1
        if self.in_service < self.capacity and not self._waiting:
            self._give(place, now)
            return place
        if self.max_waiting is not None and self.waiting >= self.max_waiting:
            tally.rejected += 1
            raise QueueFull(self.name)
        await self._wait(place)
        return place

    async def _wait(self, place: Place) -> None:
        given = self._waiting[place] = asyncio.get_running_loop().create_future()
        self._peak = max(self._peak, self.waiting)
        try:
            async with asyncio.timeout(self.queue_timeout):
                await given
        except TimeoutError:
            self._tallies[place.kind].timed_out += self._withdraw(place, given)
            raise QueueTimeout(self.name) from None
        except asyncio.CancelledError:
            self._tallies[place.kind].cancelled += self._withdraw(place, given)
            raise

    def _withdraw(self, place: Place, given: asyncio.Future[None]) -> bool:
        """Its caller has stopped to wait, maybe in the very pass in which it was answered. False if it was refused then:
        that is counted already."""
        self._waiting.pop(place, None)
        if given.cancelled():
            return True
        if given.exception() is not None:
            return False
        self._release()  # it was given a place, and nobody is there to use it
        return True

    def leave(self, place: Place) -> None:
        """Give a place back; whoever is next gets it."""
        self._tallies[place.kind].complete(place.waited, self._clock() - place.entered)
        self._release()

    def resize(self, capacity: int) -> None:
        """Change the number of places at once. Places that are out stay out until they are given back."""
        self._account(self._clock())
        self.capacity = capacity
        self._hand_out()

    def close(self) -> None:
        """Refuse everybody who waits, and everybody who comes."""
        self._closed = True
        while self._waiting:
            place, given = self._waiting.popitem(last=False)
            if not given.done():
                self._tallies[place.kind].cancelled += 1
                given.set_exception(Closed())

    def _release(self) -> None:
        self._account(self._clock())
        self.in_service -= 1
        self._hand_out()

    def _hand_out(self) -> None:
        now = self._clock()
        while self._waiting and self.in_service < self.capacity:
            place, given = self._waiting.popitem(last=False)
            if given.done():  # cancelled, and its task has yet to run
                continue
            if place.deadline <= now:  # its own timer has not run yet: the loop was late
                self._tallies[place.kind].timed_out += 1
                given.set_exception(QueueTimeout(self.name))
            else:
                self._give(place, now)
                given.set_result(None)

    def _give(self, place: Place, now: float) -> None:
        self._account(now)
        place.entered = now
        self.in_service += 1

    def _account(self, now: float) -> None:
        elapsed = now - self._changed
        self._changed = now
        self._busy_seconds += elapsed * self.in_service
        self._offered_seconds += elapsed * max(self.capacity, self.in_service)

    def kinds(self) -> list[str]:
        """The kinds that ever came."""
        return sorted(self._tallies)

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        """The queue now and since it was opened; with a ``kind``, the counts and histograms of that kind."""
        self._account(self._clock())
        return statistics(
            self.name if not kind else f"{self.name}.{kind}",
            self._tallies.total() if kind is None else self._tallies[kind],
            capacity=self.capacity,
            in_service=self.in_service,
            waiting=self.waiting,
            max_waiting=self.max_waiting,
            peak_waiting=self._peak,
            utilization=self._busy_seconds / self._offered_seconds if self._offered_seconds else 0.0,
        )
