"""The fast lane: requests at the real gate in virtual time, as events on a heap.

The gate, its discipline and its limit are the ones that serve real requests; arrivals, callers and the work are simulated.
There is no event loop and no task a request, so a second of wall time simulates more than a hundred thousand requests, and
memory does not grow with their number: what is kept are counts and histograms.

Profiles show no single expensive part. The gate itself is about half of the time. A part of that is learning how long callers
wait: it was a third of an hour of overload until bins that cannot matter were skipped, and is a fifth now; first come, first
served is faster by that. What helped most was to plan less: one look for all deadlines instead of one for each caller, and
random numbers without `Random.expovariate`, which is written in Python. After that, a few percent each: no function in Python
for the hash of an Enum or the length of a queue, and no heap of deadlines that come in order.

What it leaves out: the cost of the event loop and of the protocol. A refusal takes no time here. That tasks of an event loop
at the same gate do the same is checked with the truth lane, `testing.truth_lane`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from ..admission.class_gate import ClassGate
from ..admission.gate import ADMITTED, WAITING, Decision, Gate, Place
from ..admission.limits.limit import Outcome
from ..errors import Overloaded, QueueTimeout
from ..measure.histogram import Histogram
from .callers import Request
from .events import EXPIRE, LEAVE, STOP
from .log import Log
from .service import Service
from .traffic import Traffic


class FastLane(Traffic):
    """A gate, the service behind it, and the callers in front. The other arguments are those of `Traffic`."""

    def __init__(
        self,
        gate: Gate,
        service: Service,
        *,
        seed: int = 1,
        run_timeout: float | None = None,
        requests: float = inf,
        log: Log | None = None,
    ) -> None:
        super().__init__(service, seed=seed, run_timeout=run_timeout, requests=requests, log=log)
        self.gate = gate
        self.waits: Histogram | None = None
        """Waits of the work that was done, since `count_from_here`; None if the gate has counted nothing else."""
        self.place_time = (0.0, 0.0)
        """The gate's `Gate.place_time` at that moment."""
        self._classes = gate if isinstance(gate, ClassGate) else None
        self._expiry = inf  # when the next look for callers that have waited too long is planned
        gate.restart(self.events.now)
        service.on_end = self._end

    def run(self, seconds: float) -> None:
        """Let so much more time pass; infinite: until all requests have ended."""
        self.events.run(self.events.now + seconds)

    def count_from_here(self) -> None:
        """Forget what has been counted so far: the queue was still filling."""
        super().count_from_here()
        self.waits = Histogram()
        self.place_time = self.gate.place_time(self.began)

    def _ask(self, request: Request) -> None:
        crowd, events = request.crowd, self.events
        self._arrive(request)
        patience = None if crowd.patience is None else crowd.patience()
        try:
            if self._classes is None:
                place = self.gate.arrive(events.now, crowd.kind, crowd.priority)
            else:
                place = self._classes.arrive(events.now, crowd.kind, crowd.priority, tenant=crowd.tenant)
        except Overloaded as refusal:
            self._refuse(request, refusal)
            return
        place.caller, request.place = request, place
        if place.state is ADMITTED:
            self._serve(place)
        else:
            if self._log is not None:
                self._note(request, "queue")
            if place.deadline < self._expiry:
                # One look is planned for all that wait. One for each filled the heap: 30 s of arrivals stayed in it.
                self._expiry = place.deadline
                events.at(place.deadline, self._expire, None, EXPIRE)
        if patience is not None:
            events.at(events.now + patience, self._leave, place, LEAVE)

    def _serve(self, place: Place) -> None:
        request = place.caller
        if self._log is not None:
            self._note(request, "start")
        self.service.start(place, request.work)
        if self._run_timeout is not None:
            self.events.at(self.events.now + self._run_timeout, self._stop, place, STOP)

    def _end(self, place: Place) -> None:
        request, now = place.caller, self.events.now
        if self._log is not None:
            self._note(request, "end")
        decisions = self.gate.leave(place, now)
        if self.waits is not None:
            self.waits.record(place.entered - place.arrived)
        if request.place is place:
            self._succeed(request, now - place.arrived)
        else:
            request.crowd.wasted += 1
            self._look_for_the_end()
        if decisions:
            self._tell(decisions)

    def _leave(self, place: Place) -> None:
        request = place.caller
        if request.place is not place:
            return
        if place.state is WAITING:
            self.gate.abandon(place, self.events.now)
        elif place.state is ADMITTED:
            self.gate.caller_left(place, self.events.now)
        else:
            return
        if self._log is not None:
            self._note(request, "leave")
        request.crowd.left += 1
        self._lose(request)

    def _stop(self, place: Place) -> None:
        if place.state is not ADMITTED:
            return
        request = place.caller
        if self._log is not None:
            self._note(request, "stop")
        self.service.stop(place)
        decisions = self.gate.leave(place, self.events.now, Outcome.DROPPED)
        request.crowd.failed += 1
        if request.place is place:
            self._lose(request)
        else:
            self._look_for_the_end()
        self._tell(decisions)

    def _expire(self, _: None) -> None:
        now = self.events.now
        if now < self._expiry:
            return  # another look was planned for an earlier moment, and has planned this one again
        self._tell(self.gate.expire(now))
        self._expiry = self.gate.next_deadline()
        if self._expiry != inf:
            self.events.at(self._expiry, self._expire, None, EXPIRE)

    def _tell(self, decisions: Sequence[Decision]) -> None:
        """Of several at a moment those that are admitted come first, and then the order is that in which they came."""
        for place, refusal in sorted(decisions, key=_rank) if len(decisions) > 1 else decisions:
            if refusal is None:
                self._serve(place)
            else:
                self._refuse(place.caller, refusal)

    def _refuse(self, request: Request, refusal: Exception) -> None:
        if self._log is not None:
            self._note(request, "timeout" if isinstance(refusal, QueueTimeout) else "refuse")
        request.crowd.refused += 1
        self._lose(request)

    def _look_for_the_end(self) -> None:
        if self._over and not self.gate.in_service:
            self.events.clear()  # what is still planned is of no use, and would only make the run longer


def _rank(decision: Decision) -> tuple[bool, int]:
    place, refusal = decision
    return refusal is not None, place.caller.number
