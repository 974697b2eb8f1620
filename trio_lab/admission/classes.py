"""Classes of requests: each has its share of the places, and its own room to wait in.

While requests of several classes wait, a class gets at least its *share* of the admissions (start-time fair queueing; Goyal,
Vin and Cheng, 1996). So between two admissions of a class that waits, the others get at most ``ceil(their shares ÷ its
share)``, and one more each. What a class does not use the others may.

A class also has a bound, ``most``: the part of the places that it may hold. A place cannot be taken back, so without the
bound slow requests of a less important class could hold every place at the moment when another class needs some.

Pure, as the waiting rooms that this one is made of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..config import DisciplineName
from ..errors import QueueFull
from .by_patience import ByPatience
from .choice import Draw, chosen
from .disciplines import Discipline, Learner
from .gate import Place
from .patience import Patiences
from .tally import Tallies
from .tenants import ByTenant
from .waiting_room import Refusal, WaitingRoom

NOT_OF_A_CLASS: tuple[DisciplineName, ...] = ("fair", "priority")
"""Disciplines that a class cannot have: they go by kinds and priorities, in place of which there are classes and tenants."""

_OF_WHAT_IS_LEFT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a class gets of the admissions while others wait as well, relative to their shares; and ``most``, the part of the
    places that it may hold. A class with a share of 0 is served only while no other class waits."""

    share: float
    most: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.share < math.inf:
            raise ValueError(f"a share must be a number from 0 on, not {self.share!r}")
        if not 0 < self.most <= 1:
            raise ValueError(f"most must be a part of the places, over 0 and at most 1, not {self.most!r}")


class TenantsPlace(Place):
    """A place for a request of a tenant; its ``kind`` is its class."""

    __slots__ = ("tenant",)

    tenant: str


class _Class:
    __slots__ = ("held", "most", "next", "room", "share", "step", "tenants")

    def __init__(self, share: Share, room: WaitingRoom[TenantsPlace], tenants: ByTenant[TenantsPlace] | None) -> None:
        self.share = share
        self.room = room
        self.tenants = tenants
        self.held = 0
        """Places that its requests hold."""
        self.most = 0
        """Places that they may hold."""
        self.step = 1 / share.share if share.share else 0.0
        self.next = 0.0 if share.share else math.inf
        """The virtual time at which its next request starts. The class where this is earliest is next."""


class ClassRoom(WaitingRoom[TenantsPlace]):
    """The waiting rooms of all classes. It is told who holds places, with `hold` and `release`.

    ``max_waiting`` bounds each class by itself. With ``by_tenant`` the tenants of a class are treated fairly: see `tenants`.
    One tenant may then have at most four times as many requests waiting as there is room left (the dynamic threshold of
    Choudhury and Hahne, 1998). So it cannot fill the room, and a tenant that comes new is refused only when many tenants
    together have filled it.
    """

    def __init__(
        self,
        name: str,
        *,
        shares: Mapping[str, Share],
        max_waiting: int | None,
        discipline: DisciplineName,
        by_tenant: bool,
        tallies: Tallies,
        random: Draw = None,
    ) -> None:
        super().__init__(name, max_waiting=max_waiting, discipline="fifo", tallies=tallies)
        make, self.learner = _maker(discipline, random)
        self._virtual = 0.0
        self._classes: dict[str, _Class] = {}
        for kind, share in shares.items():
            tenants = ByTenant(make, self.learner) if by_tenant else None
            order = make() if tenants is None else tenants
            room = WaitingRoom[TenantsPlace](name, max_waiting=max_waiting, discipline=order, tallies=tallies)
            self._classes[kind] = _Class(share, room, tenants)

    def resize(self, capacity: int) -> None:
        """The places of all classes together are so many now."""
        for found in self._classes.values():
            found.most = min(capacity, max(1, math.floor(found.share.most * capacity)))

    @property
    def fullest(self) -> int:
        """Requests that wait in the class where most do."""
        return max(found.room.count for found in self._classes.values())

    @property
    def all_may_hold(self) -> bool:
        """Whether requests of each class may hold one more place."""
        return all(found.held < found.most for found in self._classes.values())

    def may_hold(self, kind: str) -> bool:
        """Whether requests of this class may hold one more place."""
        try:
            found = self._classes[kind]
        except KeyError:
            raise ValueError(f"{self.name} has no class {kind!r}; its classes are {', '.join(self._classes)}") from None
        return found.held < found.most

    def hold(self, place: TenantsPlace, now: float) -> None:
        """It was given out."""
        found = self._classes[place.kind]
        found.held += 1
        if found.step:
            start = self._virtual = max(self._virtual, found.next)
            found.next = start + found.step
        if found.tenants is not None:
            found.tenants.hold(place.tenant, now)

    def release(self, place: TenantsPlace, now: float) -> None:
        """It was given back."""
        found = self._classes[place.kind]
        found.held -= 1
        if found.tenants is not None:
            found.tenants.release(place.tenant, now)

    def add(self, entry: TenantsPlace, waiting: int) -> None:
        found = self._classes[entry.kind]
        room, tenants = found.room, found.tenants
        if tenants is not None and self.max_waiting is not None:
            left = self.max_waiting - room.count
            if left and tenants.waiting_of(entry.tenant) >= _OF_WHAT_IS_LEFT * left:
                tally = self._tallies[entry.kind]
                tally.arrivals += 1
                tally.rejected += 1
                raise QueueFull(self.name)
        room.add(entry, room.count)
        self._count(+1)

    def take(self, now: float, refusals: list[Refusal[TenantsPlace]]) -> TenantsPlace | None:
        while (found := self._next_class()) is not None:
            before = found.room.count
            entry = found.room.take(now, refusals)
            self._count(found.room.count - before)
            if entry is not None:
                self.hold(entry, now)
                return entry
        return None

    def _next_class(self) -> _Class | None:
        able = [found for found in self._classes.values() if found.room.count and found.held < found.most]
        return min(able, key=lambda found: max(found.next, self._virtual), default=None)

    def remove(self, entry: TenantsPlace, now: float) -> None:
        self._classes[entry.kind].room.remove(entry, now)
        self._count(-1)

    def next_deadline(self) -> float:
        return min(found.room.next_deadline() for found in self._classes.values())

    def expire(self, now: float, refusals: list[Refusal[TenantsPlace]]) -> None:
        before = len(refusals)
        for found in self._classes.values():
            found.room.expire(now, refusals)
        self._count(before - len(refusals))

    def clear(self) -> list[TenantsPlace]:
        left = [entry for found in self._classes.values() for entry in found.room.clear()]
        self._count(-len(left))
        return left

    def _count(self, change: int) -> None:
        self.count += change
        self.peak = max(self.peak, self.count)


def _maker(discipline: DisciplineName, random: Draw) -> tuple[Callable[[], Discipline[Any]], Learner | None]:
    """What makes the order of each queue, and who learns for all of them."""
    if discipline in NOT_OF_A_CLASS:
        raise ValueError(f"the discipline of a class cannot be {discipline!r}: use classes and tenants instead")
    if discipline == "patience":
        learner = Patiences()
        return partial(ByPatience, learner, random=random), learner
    return partial(chosen, discipline), None
