"""What a bulkhead is on every event loop: a `Gate` that one can await.

The gate decides; the subclass for each event loop knows the time and wakes the callers. A bulkhead is not tied to a run
of a loop: it can be made before any loop runs, and be used in several runs, one after the other. In each run it uses the
clock of that run; the time between two runs is not counted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Mapping

from ..blocks import BodyFailed, block
from ..config import DisciplineName
from ..errors import Overloaded, QueueFull, RunTimeout
from ..measure.announced import announce
from ..measure.ledger import LEDGER, QUEUE
from ..records.queue import QueueStatistics
from .choice import DEFAULT, Chosen
from .class_gate import ClassGate
from .classes import Share
from .deadline import within_deadline
from .gate import ADMITTED, SUCCESS, Decision, Gate, Place
from .limits.choice import ChosenLimit
from .limits.limit import Limit, Outcome
from .reserved import AskedPlace


class BaseBulkhead(ABC):
    """Bounded admission to something of ``capacity`` places. The arguments are those of `Gate`.

    With ``shares`` the kinds are classes, and the arguments those of `ClassGate`: each kind has a bound, a share of the
    admissions and its own room to wait in. Every caller is then of one of these kinds.
    """

    _signs_of_load: tuple[type[Exception], ...] = (TimeoutError, RunTimeout, Overloaded)
    """Errors with which work fails under load. An adaptive limit takes them as `Outcome.DROPPED`."""

    def __init__(
        self,
        name: str,
        *,
        capacity: int,
        max_waiting: int | None = None,
        queue_timeout: float | None = None,
        discipline: Chosen[Place] = None,
        limit: ChosenLimit = None,
        shares: Mapping[str, Share] | None = None,
    ) -> None:
        self._gate = (
            Gate(
                name,
                capacity=capacity,
                max_waiting=max_waiting,
                queue_timeout=queue_timeout,
                discipline=discipline,
                limit=limit,
            )
            if shares is None
            else ClassGate(
                name,
                capacity=capacity,
                shares=shares,
                max_waiting=max_waiting,
                queue_timeout=queue_timeout,
                discipline=_by_name(discipline),
                limit=limit,
            )
        )
        announce(self)

    @abstractmethod
    def _now(self) -> float:
        """The time of the present run. Raises RuntimeError if no loop of the right kind runs in this thread."""

    @abstractmethod
    def _time_of_use(self) -> float | None:
        """The time of the run that used it last; None outside that run."""

    @abstractmethod
    def _is_cancelled(self) -> bool:
        """Whether the task that runs now is cancelled."""

    @abstractmethod
    def _tell(self, decisions: Iterable[Decision]) -> None:
        """Wake each caller, with its place or with the error that refuses it."""

    @abstractmethod
    async def enter(self, *, queue_timeout: float | None = None, kind: str = "", priority: int = 0) -> Place:
        """Wait for a place, at most ``queue_timeout`` seconds (default: the bulkhead's own bound), and not beyond the
        `DEADLINE` of the current request.

        Raises:
            QueueFull: at once, when ``max_waiting`` callers wait already.
            QueueTimeout: no place was free in time.
            Shed: the discipline refused this caller.
            trio.ClosedResourceError (on asyncio `Closed`): the bulkhead was closed before a place was free.
        """

    def _book(self, place: Place) -> None:
        """Book a wait that is over, if the request of the current task keeps a ledger."""
        if (ledger := LEDGER.get()) is not None:
            ledger.add(QUEUE, place.arrived, place.entered if place.state is ADMITTED else self._now())

    def __repr__(self) -> str:
        bound = "∞" if self.max_waiting is None else self.max_waiting
        return f"<Bulkhead {self.name} {self.in_service}/{self.capacity} busy, {self.waiting}/{bound} queued>"

    @property
    def name(self) -> str:
        return self._gate.name

    @property
    def capacity(self) -> int:
        """Places that may be out at once."""
        return self._gate.capacity

    @property
    def limit(self) -> Limit | None:
        """What adapts the capacity; None if it stays."""
        return self._gate.limit

    @property
    def max_waiting(self) -> int | None:
        return self._gate.max_waiting

    @property
    def queue_timeout(self) -> float | None:
        return self._gate.queue_timeout

    @property
    def in_service(self) -> int:
        """Places that are out."""
        return self._gate.in_service

    @property
    def waiting(self) -> int:
        """Callers in the queue."""
        return self._gate.waiting

    @block
    async def place(
        self, *, queue_timeout: float | None = None, kind: str = "", priority: int = 0
    ) -> AsyncIterator[Place]:
        """``async with bulkhead.place():`` enters and leaves. Raises what `enter` raises.

        An adaptive limit learns from blocks that end, and from those that end with a `TimeoutError`, `trio.TooSlowError`,
        `RunTimeout` or `Overloaded`; not from those that are cancelled or raise something else.
        """
        place = await self.enter(queue_timeout=queue_timeout, kind=kind, priority=priority)
        outcome = Outcome.IGNORED
        try:
            yield place
            outcome = SUCCESS
        except BodyFailed as failed:
            if isinstance(failed.error, self._signs_of_load):
                outcome = Outcome.DROPPED
            raise
        finally:
            if self._is_cancelled():
                self.caller_left(place)
            self.leave(place, outcome)

    def ask(self, told: Callable[[Exception | None], object], *, kind: str = "", priority: int = 0) -> Place:
        """Ask for a place without a task that waits for it. The place may be out when this returns. If not, ``told`` is called
        once: with None when it is given, or with the error that refuses it. The wait is bounded as in `enter`, but whoever
        asks has to call `expire` now and then, and `give_up` if the caller leaves.

        Raises:
            QueueFull, Closed: as `enter`.
        """
        now = self._now()
        place = self._gate.arrive(now, kind, priority, within_deadline(self.queue_timeout, now))
        place.caller = told
        return place

    def give_up(self, place: Place) -> None:
        """The caller that has asked for this place, or has it, has left without being served."""
        self._tell(self._gate.abandon(place, self._now()))

    def expire(self) -> None:
        """Refuse those whose wait is over."""
        self._tell(self._gate.expire(self._now()))

    @property
    def has_room(self) -> bool:
        """Whether the next caller is served or may wait."""
        return self._gate.has_room

    def turn_away(self, kind: str) -> QueueFull:
        """Count a caller for which there is no room as refused. Returns what to tell it: `enter` would raise the same."""
        return self._gate.turn_away(kind)

    def leave(self, place: Place, outcome: Outcome = SUCCESS, *, loop_delay: float = 0.0) -> None:
        """Give a place back, once; the next caller gets it. An adaptive limit learns from it: see `Sample`.

        Raises:
            RuntimeError: it was given back before, was never given, or is another bulkhead's.
        """
        if decisions := self._gate.leave(place, self._now(), outcome, loop_delay):
            self._tell(decisions)

    def caller_left(self, place: Place, *, was_told: bool = False) -> None:
        """The caller has left, and what it started still holds the place, which is given back later.

        The default discipline learns from this how long callers wait; `place` sees to it for those that are cancelled. A caller
        that ``was_told`` that its work takes too long would have waited on.
        """
        self._gate.caller_left(place, self._now(), was_told=was_told)

    def resize(self, capacity: int) -> None:
        """Change the number of places at once. Places that are out stay out until they are given back."""
        self._tell(self._gate.resize(capacity, self._now()))

    def close(self) -> None:
        """Refuse all callers that wait or come later. Places that are out may still be given back."""
        self._tell(self._gate.close())

    def kinds(self) -> list[str]:
        """The kinds of callers that have come."""
        return self._gate.kinds()

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        """The queue now, see `Gate.statistics`. Outside the run that uses it: as it was at its last change."""
        return self._gate.statistics(self._time_of_use(), kind)


def _by_name(discipline: Chosen[Place]) -> DisciplineName:
    """Each class has a queue of its own, so one object cannot serve them all."""
    if discipline is None:
        return DEFAULT
    if not isinstance(discipline, str):
        raise ValueError(f"with shares the discipline must be a name, not {discipline!r}")
    return discipline


class BehindBulkhead:
    """A pool whose jobs each hold a place of a bulkhead, and so what its bulkhead tells of it."""

    _bulkhead: BaseBulkhead

    @property
    def busy(self) -> int:
        """Jobs that run now, also those whose callers have left."""
        return self._bulkhead.in_service

    @property
    def waiting(self) -> int:
        """Callers in the queue."""
        return self._bulkhead.waiting

    def ask(self, told: Callable[[Exception | None], object], *, kind: str) -> AskedPlace:
        """Ask for the place of a job: see `BaseBulkhead.ask`. The job is run by a task that has it `reserved`."""
        bulkhead = self._bulkhead
        return AskedPlace(bulkhead.ask(told, kind=kind), give_up=bulkhead.give_up)

    def expire(self) -> None:
        self._bulkhead.expire()

    @property
    def has_room(self) -> bool:
        """Whether the next job begins or may wait."""
        return self._bulkhead.has_room

    def turn_away(self, kind: str) -> QueueFull:
        """Count a job for which there is no room as refused, without the cost of a task that asks. Returns what to tell its
        caller."""
        return self._bulkhead.turn_away(kind)

    def kinds(self) -> list[str]:
        """The kinds of jobs that have been given to the pool."""
        return self._bulkhead.kinds()

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        """The pool as a queue; with a ``kind``, the counts and histograms of that kind of job."""
        return self._bulkhead.statistics(kind)
