"""The traffic of a simulation: who comes, and what becomes of them, whichever lane simulates the gate that they come to.

Random numbers are drawn when a request comes (its work, its patience) and when one is lost (the pause). So two lanes in which
the same happens draw the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from math import inf
from random import Random

from .arrivals import Arrivals
from .callers import Callers, Crowd, Request
from .events import COME, FAULT
from .log import Log, What
from .service import Service


class Traffic(ABC):
    """Work that takes longer than ``run_timeout`` is ended, and counts as failed. No more than so many ``requests`` come,
    however many clients ask; one that is sent again counts once. ``log`` is told all that happens."""

    def __init__(
        self, service: Service, *, seed: int, run_timeout: float | None, log: Log | None, requests: float = inf
    ) -> None:
        self.service = service
        self.events = service.events
        self.crowds: list[Crowd] = []
        self.began = self.events.start
        """From when on the crowds count."""
        self._to_come = requests
        self._open = 0  # those that have come, and may still be sent again
        self._sources = 0  # open workloads of which more will come
        self._run_timeout = run_timeout
        self._random = Random(seed)
        self._log = log
        self._came = 0

    def open(self, callers: Callers, arrivals: Arrivals, *, start: float = 0.0, end: float = inf) -> Crowd:
        """An open workload: requests come at the moments of ``arrivals``, from ``start`` until ``end``."""
        crowd = self._crowd(callers, closed=False)
        began = self.events.start
        self._sources += 1
        self._next((crowd, arrivals.times(self._draws(), began + start), began + end))
        return crowd

    def close(self, callers: Callers, clients: int, *, start: float = 0.0, end: float = inf) -> Crowd:
        """A closed workload: each of the ``clients`` sends its next request when its last one has ended, until ``end``."""
        crowd = self._crowd(callers, closed=True)
        crowd.end = self.events.start + end
        for _ in range(int(min(clients, self._to_come))):
            if (moment := self.events.start + start + crowd.think()) < crowd.end:
                self._to_come -= 1
                self._open += 1
                self.events.at(moment, self._ask, Request(crowd), COME)
        return crowd

    def slow_down(self, time: float, slowness: float) -> None:
        """From then on the service takes so many times as long: 1 is normal, infinity is dead."""
        self.events.at(self.events.start + time, self.service.slow_down, slowness, FAULT)

    def count_from_here(self) -> None:
        """Forget what has been counted so far."""
        self.began = self.events.now
        for crowd in self.crowds:
            crowd.reset()

    @abstractmethod
    def _ask(self, request: Request) -> None:
        """A request comes now."""

    def _crowd(self, callers: Callers, *, closed: bool) -> Crowd:
        crowd = Crowd(callers, self._draws(), closed=closed)
        self.crowds.append(crowd)
        return crowd

    def _draws(self) -> Random:
        # Each source has its own random numbers, so a change of one source does not change the others.
        return Random(self._random.getrandbits(64))

    def _come(self, source: tuple[Crowd, Iterator[float], float]) -> None:
        if self._to_come:
            self._to_come -= 1
            self._open += 1
            self._next(source)  # first: what follows from this request is planned after the next
            self._ask(Request(source[0]))
        else:  # another crowd has sent the last one
            self._next(source)

    def _next(self, source: tuple[Crowd, Iterator[float], float]) -> None:
        moment = next(source[1], inf)
        if moment < source[2] and self._to_come:
            self.events.at(moment, self._come, source, COME)
        else:
            self._sources -= 1
            self._look_for_the_end()

    def _arrive(self, request: Request) -> None:
        """Count a request that comes now, and give it its number and its work."""
        crowd = request.crowd
        crowd.came += 1
        self._came += 1
        request.number = self._came
        request.work = crowd.work()
        if self._log is not None:
            self._note(request, "arrive")

    def _succeed(self, request: Request, waited: float) -> None:
        """Its caller has the answer, so long after it asked."""
        crowd = request.crowd
        crowd.served += 1
        crowd.responses.record(waited)
        request.place = None  # else the two would keep each other until a garbage collection
        self._finish(crowd, 0.0)

    def _lose(self, request: Request) -> None:
        """An attempt has failed; the caller may come again."""
        crowd, attempts = request.crowd, request.attempts
        request.place = None
        if attempts < crowd.retries:
            pause = crowd.pause() * crowd.backoff**attempts
            self.events.at(self.events.now + pause, self._ask, Request(crowd, attempts + 1), COME)
        else:
            self._finish(crowd, crowd.pause() if crowd.closed else 0.0)

    def _finish(self, crowd: Crowd, pause: float) -> None:
        """A request has ended for good. A closed client sends its next one."""
        moment = self.events.now + pause + crowd.think() if crowd.closed and self._to_come else inf
        if moment < crowd.end:
            self._to_come -= 1
            self.events.at(moment, self._ask, Request(crowd), COME)
        else:
            self._open -= 1
            if not self._open:
                self._look_for_the_end()

    @property
    def _over(self) -> bool:
        """Whether all requests have ended and no more will come."""
        return not self._open and not (self._sources and self._to_come)

    def _look_for_the_end(self) -> None:  # noqa: B027  (not abstract: a lane may have nothing to do then)
        """A request has ended, or a source of them: it may have been the last."""

    def _note(self, request: Request, what: What) -> None:
        assert self._log is not None
        self._log(self.events.now - self.events.start, request.number, what)
