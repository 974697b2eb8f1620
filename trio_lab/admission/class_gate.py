"""A gate for requests of several classes and many tenants; see `classes` and `tenants` for who is next. Pure, as `Gate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..config import DisciplineName
from ..errors import Closed, QueueTimeout
from ..preconditions import require_timeout
from .choice import DEFAULT, Draw
from .classes import ClassRoom, Share, TenantsPlace
from .gate import ADMITTED, SUCCESS, WAITING, Decision, Gate, Place
from .limits.choice import ChosenLimit
from .limits.limit import Outcome


class ClassGate(Gate):
    """A `Gate` whose kinds are classes.

    Args:
        shares: the classes. Every place is asked for with one of these names as its kind.
        max_waiting: requests of one class that may wait at once, None for no bound.
        discipline: the order of service of a class, by name; with ``by_tenant``, of each of its tenants.
        random: numbers from 0 to less than 1 for disciplines that draw.

    The other arguments and the guarantees are those of `Gate`, with one exception: a class that holds as many places as it
    may waits while others are free.
    """

    _room: ClassRoom  # type: ignore[assignment]  # a gate has rooms for places of its own kind

    def __init__(
        self,
        name: str,
        *,
        capacity: int,
        shares: Mapping[str, Share],
        max_waiting: int | None = None,
        queue_timeout: float | None = None,
        discipline: DisciplineName = DEFAULT,
        by_tenant: bool = False,
        limit: ChosenLimit = None,
        random: Draw = None,
    ) -> None:
        super().__init__(name, capacity=capacity, max_waiting=max_waiting, queue_timeout=queue_timeout, limit=limit)
        self._room = ClassRoom(
            name,
            shares=shares,
            max_waiting=max_waiting,
            discipline=discipline,
            by_tenant=by_tenant,
            tallies=self._tallies,
            random=random,
        )
        self._learner = self._room.learner
        self._room.resize(self._capacity)

    @property
    def has_room(self) -> bool:
        """Whether the next caller is served or may wait, whatever its class."""
        if self.max_waiting is None or self._room.fullest < self.max_waiting:
            return True
        return self.in_service < self._capacity and self._room.all_may_hold

    def try_enter(self, now: float, kind: str = "", priority: int = 0, tenant: str = "") -> TenantsPlace | None:
        if self._closed:
            raise Closed(self.name)
        if self.in_service >= self._capacity or not self._room.may_hold(kind):
            return None
        place = self._ask(now, kind, priority, None, tenant)
        place.state = ADMITTED
        self._tallies[kind].arrivals += 1
        self._account(now)
        self.in_service += 1
        self._room.hold(place, now)
        return place

    def arrive(
        self, now: float, kind: str = "", priority: int = 0, queue_timeout: float | None = None, tenant: str = ""
    ) -> TenantsPlace:
        """As `Gate.arrive`. A request that may not wait at all is refused at once with `QueueTimeout`."""
        if queue_timeout is None:
            queue_timeout = self.queue_timeout
        else:
            require_timeout("queue_timeout", queue_timeout)
        place = self.try_enter(now, kind, priority, tenant)
        if place is None:
            place = self._ask(now, kind, priority, queue_timeout, tenant)
            place.state = WAITING
            if place.deadline <= now:
                tally = self._tallies[kind]
                tally.arrivals += 1
                tally.timed_out += 1
                raise QueueTimeout(self.name)
            self._room.add(place, self._room.count)
        return place

    def _ask(self, now: float, kind: str, priority: int, queue_timeout: float | None, tenant: str) -> TenantsPlace:
        place = TenantsPlace(kind, priority, now, queue_timeout)
        place.gate = self
        place.caller_gone = False
        place.tenant = tenant
        return place

    def leave(
        self, place: Place, now: float, outcome: Outcome = SUCCESS, loop_delay: float = 0.0
    ) -> Sequence[Decision]:
        self._release(place, now)
        return super().leave(place, now, outcome, loop_delay)

    def abandon(self, place: Place, now: float) -> Sequence[Decision]:
        self._release(place, now)
        return super().abandon(place, now)

    def _release(self, place: Place, now: float) -> None:
        if place.state is ADMITTED and place.gate is self:
            assert isinstance(place, TenantsPlace)
            self._room.release(place, now)

    def _set_capacity(self, capacity: int) -> None:
        super()._set_capacity(capacity)
        self._room.resize(capacity)

    def usual_service(self, kind: str) -> float:
        """Seconds that requests of this class have taken lately; 0 if there were none."""
        return self._tallies[kind].recent or 0.0
