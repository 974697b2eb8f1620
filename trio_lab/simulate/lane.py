"""The fast lane: requests at the real gate in virtual time, as events on a heap.

The gate, its discipline and its limit are the ones that serve real requests; arrivals, callers and the work are simulated.
There is no event loop and no task a request, so a second of wall time simulates more than a hundred thousand requests, and
memory does not grow with their number: what is kept are counts and histograms.

What it leaves out: the cost of the event loop and of the protocol. A refusal takes no time here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf
from random import Random

from ..admission.gate import ADMITTED, WAITING, Decision, Gate, Place
from ..admission.limits.limit import Outcome
from ..errors import Overloaded
from .arrivals import Arrivals
from .callers import Callers, Crowd, Request
from .service import Service


class FastLane:
    """A gate, the service behind it, and the callers in front. Work that takes longer than ``run_timeout`` is ended, and
    counts as failed."""

    def __init__(self, gate: Gate, service: Service, *, seed: int = 1, run_timeout: float | None = None) -> None:
        self.gate = gate
        self.service = service
        self.events = service.events
        self.crowds: list[Crowd] = []
        self._run_timeout = run_timeout
        self._random = Random(seed)
        service.on_end = self._end

    def open(self, callers: Callers, arrivals: Arrivals, *, start: float = 0.0, end: float = inf) -> Crowd:
        """An open workload: requests come at the moments of ``arrivals``, from ``start`` until ``end``."""
        crowd = self._crowd(callers, closed=False)
        self._next((crowd, arrivals.times(self._draws(), start), end))
        return crowd

    def close(self, callers: Callers, clients: int, *, start: float = 0.0) -> Crowd:
        """A closed workload: each of the ``clients`` sends its next request when its last one has ended."""
        crowd = self._crowd(callers, closed=True)
        for _ in range(clients):
            self.events.at(start + crowd.think(), self._ask, Request(crowd))
        return crowd

    def run(self, seconds: float) -> None:
        """Let so much more time pass."""
        self.events.run(self.events.now + seconds)

    def _crowd(self, callers: Callers, *, closed: bool) -> Crowd:
        crowd = Crowd(callers, self._draws(), closed=closed)
        self.crowds.append(crowd)
        return crowd

    def _draws(self) -> Random:
        # Each source has its own random numbers, so a change of one source does not change the others.
        return Random(self._random.getrandbits(64))

    def _come(self, source: tuple[Crowd, Iterator[float], float]) -> None:
        self._ask(Request(source[0]))
        self._next(source)

    def _next(self, source: tuple[Crowd, Iterator[float], float]) -> None:
        moment = next(source[1], inf)
        if moment < source[2]:
            self.events.at(moment, self._come, source)

    def _ask(self, request: Request) -> None:
        crowd, events = request.crowd, self.events
        crowd.came += 1
        try:
            place = self.gate.arrive(events.now, crowd.kind, crowd.priority)
        except Overloaded:
            crowd.refused += 1
            self._lose(request)
            return
        place.caller, request.place = request, place
        if place.state is ADMITTED:
            self._serve(place)
        elif place.deadline != inf:
            events.at(place.deadline, self._expire)
        if crowd.patience is not None:
            events.at(events.now + crowd.patience(), self._leave, place)

    def _serve(self, place: Place) -> None:
        self.service.start(place, place.caller.crowd.work())
        if self._run_timeout is not None:
            self.events.at(self.events.now + self._run_timeout, self._fail, place)

    def _end(self, place: Place) -> None:
        request, now = place.caller, self.events.now
        decisions = self.gate.leave(place, now)
        crowd = request.crowd
        if request.place is not place:
            crowd.wasted += 1
        else:
            crowd.served += 1
            crowd.responses.record(now - place.arrived)
            request.place = None  # else the two would keep each other until a garbage collection
            if crowd.closed:
                request.attempts = 0
                self.events.at(now + crowd.think(), self._ask, request)
        if decisions:
            self._tell(decisions)

    def _leave(self, place: Place) -> None:
        request = place.caller
        if request.place is not place:
            return
        if place.state is WAITING:
            self._tell(self.gate.abandon(place, self.events.now))
        elif place.state is ADMITTED:
            self.gate.caller_left(place, self.events.now)
        else:
            return
        request.crowd.left += 1
        self._lose(request)

    def _fail(self, place: Place) -> None:
        if place.state is not ADMITTED:
            return
        request = place.caller
        self.service.stop(place)
        decisions = self.gate.leave(place, self.events.now, Outcome.DROPPED)
        request.crowd.failed += 1
        if request.place is place:
            self._lose(request)
        self._tell(decisions)

    def _expire(self, _: None) -> None:
        self._tell(self.gate.expire(self.events.now))

    def _tell(self, decisions: Iterable[Decision]) -> None:
        for place, refusal in decisions:
            if refusal is None:
                self._serve(place)
            else:
                place.caller.crowd.refused += 1
                self._lose(place.caller)

    def _lose(self, request: Request) -> None:
        """An attempt has failed; the caller may come again."""
        crowd = request.crowd
        request.place = None
        if request.attempts < crowd.retries:
            request.attempts += 1
            pause = crowd.pause() * crowd.backoff ** (request.attempts - 1)
        elif crowd.closed:
            request.attempts = 0
            pause = crowd.pause() + crowd.think()
        else:
            return
        self.events.at(self.events.now + pause, self._ask, request)
