"""The services behind a gate: how long admitted requests take.

With `Independent` each takes its own time, however many there are; the gate's places are the servers. With `Cores` they share
processors, so that beyond one request a core all become slower (processor sharing). `Downstream` has a limit of its own that
the gate does not know, and a queue in front of it. With the last two, a higher limit at the gate makes service times longer.

Each can be slowed down at any time (`Service.slow_down`). `Independent` and `Downstream` are then slower with what begins
after the change, `Cores` also with what runs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import count
from math import inf

from ..admission.gate import ADMITTED, Gate, Place
from .events import Events


class Service(ABC):
    """Serves places. ``on_end(place)`` is called when the work of one is done."""

    on_end: Callable[[Place], None]

    def __init__(self, events: Events) -> None:
        self.events = events
        self.slowness = 1.0

    def slow_down(self, slowness: float) -> None:
        """Take so many times as long from now on: 1 is normal, infinity is dead."""
        self.slowness = slowness

    @abstractmethod
    def start(self, place: Place, work: float) -> None:
        """Begin with work that takes so many seconds when nothing slows it."""

    @abstractmethod
    def stop(self, place: Place) -> None:
        """End it now, without `on_end`. The place is given back right after."""


class Around(Service):
    """Something around another service, ``inner``."""

    def __init__(self, inner: Service) -> None:
        super().__init__(inner.events)
        self._inner = inner
        inner.on_end = self._worked

    def slow_down(self, slowness: float) -> None:
        super().slow_down(slowness)
        self._inner.slow_down(slowness)

    @abstractmethod
    def _worked(self, place: Place) -> None:
        """The inner service has done the work of a place."""


class Independent(Service):
    """No request is slowed by another."""

    def start(self, place: Place, work: float) -> None:
        if self.slowness != inf:
            self.events.at(self.events.now + work * self.slowness, self._end, place)

    def _end(self, place: Place) -> None:
        if place.state is ADMITTED:  # else it was stopped
            self.on_end(place)

    def stop(self, place: Place) -> None:
        pass


class Cores(Service):
    """``cores`` processors, shared equally: n requests each get min(1, cores ÷ n) of one.

    All requests progress at one pace, so ``_done`` is the work that each has had since the start of time, and a request
    that begins now ends when ``_done`` has grown by its own work. A change of the pace changes the time of one event only.
    """

    def __init__(self, events: Events, cores: int) -> None:
        super().__init__(events)
        self.cores = cores
        self._running: dict[Place, int] = {}
        self._ends: list[tuple[float, int, Place]] = []
        self._number = count().__next__
        self._done = self._changed = 0.0
        self._plan = 0  # number of the valid event; those planned before are void

    def slow_down(self, slowness: float) -> None:
        self._advance()
        super().slow_down(slowness)
        self._plan_next()

    def start(self, place: Place, work: float) -> None:
        self._advance()
        number = self._running[place] = self._number()
        heappush(self._ends, (self._done + work, number, place))
        self._plan_next()

    def stop(self, place: Place) -> None:
        self._advance()
        del self._running[place]
        self._plan_next()

    def _pace(self) -> float:
        return min(1.0, self.cores / len(self._running)) / self.slowness if self._running else 0.0

    def _advance(self) -> None:
        now = self.events.now
        self._done += (now - self._changed) * self._pace()
        self._changed = now

    def _plan_next(self) -> None:
        ends, running = self._ends, self._running
        while ends and running.get(ends[0][2]) != ends[0][1]:
            heappop(ends)
        self._plan += 1
        if ends and (pace := self._pace()):
            self.events.at(self.events.now + max(0.0, ends[0][0] - self._done) / pace, self._end, self._plan)

    def _end(self, plan: int) -> None:
        if plan != self._plan:
            return
        self._advance()
        done, _, place = heappop(self._ends)
        self._done = max(done, self._done)  # rounding must not leave a rest that takes no time
        del self._running[place]
        self._plan_next()
        self.on_end(place)


class Downstream(Service):
    """A dependency that serves ``limit`` requests at once, and lets the others wait, first come first served."""

    def __init__(self, events: Events, limit: int) -> None:
        super().__init__(events)
        self._gate = Gate("downstream", capacity=limit, discipline="fifo")
        self._inner: dict[Place, Place] = {}

    def resize(self, limit: int) -> None:
        """Another hidden limit from now on."""
        self._begin(place for place, _ in self._gate.resize(limit, self.events.now))

    def start(self, place: Place, work: float) -> None:
        inner = self._inner[place] = self._gate.arrive(self.events.now)
        inner.caller = (place, work)
        if inner.state is ADMITTED:
            self._begin((inner,))

    def _begin(self, admitted: Iterable[Place]) -> None:
        for inner in admitted:
            _, work = inner.caller
            if self.slowness != inf:
                self.events.at(self.events.now + work * self.slowness, self._end, inner)

    def _end(self, inner: Place) -> None:
        place, _ = inner.caller
        if self._inner.get(place) is inner:
            self.stop(place)
            self.on_end(place)

    def stop(self, place: Place) -> None:
        inner, now = self._inner.pop(place), self.events.now
        decisions = self._gate.leave(inner, now) if inner.state is ADMITTED else self._gate.abandon(inner, now)
        self._begin(admitted for admitted, _ in decisions)
