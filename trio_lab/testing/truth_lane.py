"""The truth lane: the traffic of a scenario at the real bulkhead, a task for each request, on Trio in virtual time.

The fast lane of `simulate` calls the gate from a heap of events. Here tasks ask the same gate: callers wait in the real
bulkhead, and leave when their cancel scope is cancelled; in `truth_pools` threads and workers of the real pools hold the
places. The same must happen in both lanes, at the same moments to the last bit; `simulate.log` is how they are compared. They
share the arrivals, the random numbers and the time that work takes.

Two things make the comparison exact. What falls on one moment happens in the order that `simulate.events` defines (`turns`).
And the clock begins at `EPOCH`, in both lanes: from there on, up to twice that time, differences of times have no rounding
error. So Trio's clock, which adds them up, arrives at each deadline exactly.
"""

from __future__ import annotations

from abc import abstractmethod
from contextvars import ContextVar
from dataclasses import dataclass
from math import inf
from typing import Any

import trio

from ..admission.class_gate import ClassGate
from ..admission.gate import ADMITTED, SUCCESS, Gate, Place
from ..admission.limits.limit import Outcome
from ..admission.on_trio import Bulkhead
from ..errors import Overloaded, QueueTimeout, RunTimeout
from ..records.queue import QueueStatistics
from ..simulate.callers import Request
from ..simulate.events import EXPIRE, LEAVE, STOP
from ..simulate.log import Log
from ..simulate.scenario import Scenario
from ..simulate.service import Service
from ..simulate.traffic import Traffic
from .turns import DONE, REFUSED, START, Turns

EPOCH = 2.0**20  # seconds; the times that a float can hold are a quarter of a nanosecond apart here

REQUEST: ContextVar[Request] = ContextVar("trio_lab_request")
"""The request that the current task makes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneParts:
    """What a lane is made of. Its tasks live in ``nursery``."""

    scenario: Scenario
    service: Service
    nursery: trio.Nursery
    turns: Turns
    log: Log


class TruthLane(Traffic):
    """A task for each request. A subclass knows where a request waits, and who works."""

    def __init__(self, parts: LaneParts) -> None:
        scenario = parts.scenario
        super().__init__(parts.service, seed=scenario.seed, run_timeout=scenario.gate.run_timeout, log=parts.log)
        self._nursery = parts.nursery
        self._turns = parts.turns
        self._present: set[int] = set()  # requests whose callers wait for the answer

    @abstractmethod
    async def _serve(self, request: Request) -> None:
        """Wait for a place and for the answer. A caller that is cancelled leaves at once, whatever becomes of its work."""

    def statistics(self) -> QueueStatistics | None:
        """The gate's; None if there is no gate."""
        return None

    def wait(self, request: Request) -> None:
        """It has to wait for a place."""
        self._note(request, "queue")

    async def start(self, request: Request) -> None:
        """Its work begins."""
        await self._turns.take(START, request.number)
        self._note(request, "start")

    def end(self, request: Request) -> None:
        """Its work is done, whether or not the caller is there."""
        self._note(request, "end")
        if request.number not in self._present:
            request.crowd.wasted += 1

    def _ask(self, request: Request) -> None:
        self._nursery.start_soon(self._call, request)

    async def _call(self, request: Request) -> None:
        """The task of a caller."""
        self._arrive(request)
        crowd, number, came = request.crowd, request.number, trio.current_time()
        patience = inf if crowd.patience is None else crowd.patience()
        REQUEST.set(request)
        self._present.add(number)
        failure: Exception | None = None
        with trio.CancelScope(deadline=came + patience) as scope:
            try:
                await self._serve(request)
            except (Overloaded, RunTimeout) as error:
                failure = error
        await self._turns.take(LEAVE if scope.cancelled_caught else _rank(failure), number)
        self._present.discard(number)
        if scope.cancelled_caught:
            self._leave(request)
        elif failure is None:
            self._succeed(request, trio.current_time() - came)
        else:
            self._fail(request, failure)

    def _leave(self, request: Request) -> None:
        self._note(request, "leave")
        request.crowd.left += 1
        self._lose(request)

    def _fail(self, request: Request, failure: Exception) -> None:
        if not isinstance(failure, RunTimeout):
            self._note(request, "timeout" if isinstance(failure, QueueTimeout) else "refuse")
            request.crowd.refused += 1
        self._lose(request)


def _rank(failure: Exception | None) -> int:
    if isinstance(failure, QueueTimeout):
        return EXPIRE
    return REFUSED if isinstance(failure, Overloaded) else DONE


class Door(Bulkhead):
    """The real bulkhead, around a gate that was made elsewhere. It tells the lane who waits and who is admitted."""

    def __init__(self, gate: Gate, lane: DoorLane) -> None:
        self._gate = _ForTenants(gate) if isinstance(gate, ClassGate) else gate  # type: ignore[assignment]
        self._lane = lane
        self._now()  # its time begins here, and not when the first request comes

    async def enter(self, *, queue_timeout: float | None = None, kind: str = "", priority: int = 0) -> Place:
        place = await super().enter(queue_timeout=queue_timeout, kind=kind, priority=priority)
        await self._lane.admit(REQUEST.get(), place)
        return place

    async def _wait(self, place: Place) -> None:
        self._lane.wait(REQUEST.get())
        await super()._wait(place)


class _ForTenants:
    """A gate with classes, which learns from the task whose tenant asks: a bulkhead knows no tenants."""

    def __init__(self, gate: ClassGate) -> None:
        self._gate = gate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gate, name)

    def arrive(self, now: float, kind: str, priority: int, wait: float | None) -> Place:
        return self._gate.arrive(now, kind, priority, wait, REQUEST.get().crowd.tenant)


class DoorLane(TruthLane):
    """Requests wait at a bulkhead. The service says when the work of those that are admitted ends."""

    def __init__(self, parts: LaneParts) -> None:
        super().__init__(parts)
        scenario = parts.scenario
        self.door = Door(scenario.gate.make(scenario.servers, scenario.kinds, scenario.seed), self)
        self.service.on_end = self._end

    def statistics(self) -> QueueStatistics:
        return self.door.statistics()

    async def admit(self, request: Request, place: Place) -> None:
        """It has got its place."""
        await self.start(request)
        place.caller, request.place = request, place
        self.service.start(place, request.work)
        if self._run_timeout is not None:
            self.events.at(self.events.now + self._run_timeout, self._stop, place, STOP)

    def _end(self, place: Place) -> None:
        self.end(place.caller)
        self._give_back(place)

    @abstractmethod
    def _give_back(self, place: Place) -> None:
        """Its work is done."""

    def _stop(self, place: Place) -> None:
        raise NotImplementedError("this work cannot be stopped")

    def _leave(self, request: Request) -> None:
        if request.place is not None:
            self.door.caller_left(request.place)
        super()._leave(request)


class BulkheadLane(DoorLane):
    """Callers enter the bulkhead themselves. Their work goes on when they have left, as a thread does."""

    def __init__(self, parts: LaneParts) -> None:
        super().__init__(parts)
        self._answers: dict[int, trio.Event] = {}
        self._stopped: set[int] = set()

    async def _serve(self, request: Request) -> None:
        answer = self._answers[request.number] = trio.Event()
        try:
            await self.door.enter(kind=request.crowd.kind, priority=request.crowd.priority)
            await answer.wait()
        finally:
            del self._answers[request.number]
        if request.number in self._stopped:
            raise RunTimeout("the work took too long")

    def _give_back(self, place: Place, outcome: Outcome = SUCCESS) -> None:
        self.door.leave(place, outcome)
        if (answer := self._answers.get(place.caller.number)) is not None:
            answer.set()

    def _stop(self, place: Place) -> None:
        if place.state is not ADMITTED:
            return
        request = place.caller
        self._note(request, "stop")
        self.service.stop(place)
        request.crowd.failed += 1
        self._stopped.add(request.number)
        self._give_back(place, Outcome.DROPPED)
