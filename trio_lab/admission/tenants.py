"""Fairness between tenants: those that have held the fewest places lately come first.

A tenant is one caller among many: an API key, a user, an address. To take turns request by request is not enough, for two
reasons. A tenant whose requests take ten times as long would get ten times the service. And a tenant that keeps within its
share would have to wait for its turn behind one that does not, each time.

So each tenant has a *use*: the number of places that it has held, averaged over the last seconds (an exponential mean). The
waiting tenant with the least use is next. Under contention all tenants come to hold equally many places, and one that asks
for less than that is served as if those that ask for more were not there, but for the places that these hold already. Nobody
starves: the use of a tenant that gets nothing falls until it is the least.

A tenant is forgotten once its use is negligible, so the memory is bounded by the recent requests and not by all tenants. The
requests of each are ordered by a discipline of its own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from math import exp, inf
from typing import Generic, Protocol, TypeVar

from .disciplines import Discipline, Learner, Waiting

_PERIOD = 2.0  # seconds: the time constant of the mean
_IDLE = 5 * _PERIOD  # without a place for so long, a tenant's use is below 1 % of what it was
_MOST = 10_000  # tenants that are remembered although they neither wait nor hold a place
_RENEW = 200 * _PERIOD  # the exponential of the time since the epoch must not overflow
_STALE = 64  # entries of the ranks that count no more, from which on it is worth to remove them


class OfTenant(Waiting, Protocol):
    tenant: str


W = TypeVar("W", bound=OfTenant)


class _Tenant(Generic[W]):
    """``use`` is as it was ``at`` that time. Since then it moves towards the number of places ``held``."""

    __slots__ = ("at", "held", "queue", "ticket", "use")

    def __init__(self, now: float) -> None:
        self.use = 0.0
        self.at = now
        self.held = 0
        self.queue: Discipline[W] | None = None
        """Its requests that wait; None if there are none."""
        self.ticket = 0
        """Of its entry in a rank."""

    def change(self, held: int, now: float) -> None:
        """It holds so many places from now on."""
        elapsed = now - self.at
        if elapsed > 0:
            self.use = self.held + (self.use - self.held) * exp(-elapsed / _PERIOD)
        self.at = now
        self.held = held


class ByTenant(Generic[W]):
    """A `Discipline` that is also told who gets and gives back places: `hold` and `release`. ``learner`` is that of the
    queues which ``make`` makes."""

    def __init__(self, make: Callable[[], Discipline[W]], learner: Learner | None = None) -> None:
        self.learner = learner
        self._make = make
        self._tenants: dict[str, _Tenant[W]] = {}
        self._idle: OrderedDict[str, None] = OrderedDict()  # those that neither wait nor hold a place, oldest first
        # Tenants that wait, by the number of places that they hold. The uses in one rank approach this number at one pace,
        # so their order does not change, and each rank is a heap: of the distance from the number, as it would have been at
        # the epoch. An entry counts as long as its ticket is the tenant's.
        self._ranks: dict[int, list[tuple[float, int, str]]] = {}
        self._entries = 0
        self._tickets = count(1)
        self._epoch = 0.0
        self._queued = 0  # tenants that wait
        self._waiting = 0

    def push(self, entry: W) -> None:
        name, now = entry.tenant, entry.arrived
        tenant = self._tenants.get(name) or self._new(name, now)
        queue = self._make() if tenant.queue is None else tenant.queue
        queue.push(entry)  # first of all: a discipline may refuse what it cannot put in order
        self._waiting += 1
        if tenant.queue is None:
            tenant.queue = queue
            self._queued += 1
            self._idle.pop(name, None)
            tenant.change(tenant.held, now)
            self._rank(name, tenant)

    def pop(self, now: float, refused: list[W]) -> W | None:
        while (name := self._next(now)) is not None:
            tenant = self._tenants[name]
            queue = tenant.queue
            assert queue is not None
            before = len(queue)
            entry = queue.pop(now, refused)
            self._waiting -= before - len(queue)
            if not len(queue):
                self._end_wait(name, tenant)
            if entry is not None:
                return entry
        return None

    def remove(self, entry: W) -> None:
        tenant = self._tenants[entry.tenant]
        if tenant.queue is None:
            raise KeyError(entry)
        tenant.queue.remove(entry)
        self._waiting -= 1
        if not len(tenant.queue):
            self._end_wait(entry.tenant, tenant)

    def __len__(self) -> int:
        return self._waiting

    def waiting_of(self, name: str) -> int:
        tenant = self._tenants.get(name)
        return 0 if tenant is None or tenant.queue is None else len(tenant.queue)

    def hold(self, name: str, now: float) -> None:
        """The tenant got a place."""
        tenant = self._tenants.get(name) or self._new(name, now)
        if not tenant.held:
            self._idle.pop(name, None)
        tenant.change(tenant.held + 1, now)
        if tenant.queue is not None:
            self._rank(name, tenant)

    def release(self, name: str, now: float) -> None:
        """The tenant gave a place back."""
        tenant = self._tenants[name]
        tenant.change(tenant.held - 1, now)
        if tenant.queue is not None:
            self._rank(name, tenant)
        elif not tenant.held:
            self._rest(name, now)

    # Who is next.

    def _rank(self, name: str, tenant: _Tenant[W]) -> None:
        if not 0 <= tenant.at - self._epoch < _RENEW:
            self._renew(tenant.at)
        distance = (tenant.use - tenant.held) * exp((tenant.at - self._epoch) / _PERIOD)
        tenant.ticket = next(self._tickets)
        heappush(self._ranks.setdefault(tenant.held, []), (distance, tenant.ticket, name))
        self._entries += 1
        if self._entries > 2 * self._queued + _STALE:
            self._remove_stale()

    def _next(self, now: float) -> str | None:
        """The tenant that waits with the least use."""
        decay = exp((self._epoch - now) / _PERIOD) if now > self._epoch else 1.0
        best, least = None, inf
        for held, rank in list(self._ranks.items()):
            while rank and not self._counts(rank[0]):
                heappop(rank)
                self._entries -= 1
            if not rank:
                del self._ranks[held]
            elif (use := held + rank[0][0] * decay) < least:
                best, least = rank[0][2], use
        return best

    def _counts(self, entry: tuple[float, int, str]) -> bool:
        tenant = self._tenants.get(entry[2])
        return tenant is not None and tenant.ticket == entry[1]

    def _remove_stale(self) -> None:
        self._ranks = {held: [entry for entry in rank if self._counts(entry)] for held, rank in self._ranks.items()}
        for rank in self._ranks.values():
            heapify(rank)
        self._entries = sum(map(len, self._ranks.values()))

    def _renew(self, now: float) -> None:
        """Begin a new epoch. After another clock has been taken nothing is known of the time between."""
        elapsed = now - self._epoch
        decay = exp(-elapsed / _PERIOD) if 0 <= elapsed < 2 * _RENEW else 0.0
        self._epoch = now
        for held, rank in self._ranks.items():
            self._ranks[held] = [(distance * decay, ticket, name) for distance, ticket, name in rank]

    # Who is remembered.

    def _new(self, name: str, now: float) -> _Tenant[W]:
        tenant = self._tenants[name] = _Tenant(now)
        return tenant

    def _end_wait(self, name: str, tenant: _Tenant[W]) -> None:
        tenant.queue = None
        tenant.ticket = 0
        self._queued -= 1
        if not tenant.held:
            self._rest(name, tenant.at)

    def _rest(self, name: str, now: float) -> None:
        """It neither waits nor holds a place. Forget those that have rested for long."""
        idle = self._idle
        idle[name] = None
        while idle and (len(idle) > _MOST or self._tenants[next(iter(idle))].at + _IDLE < now):
            del self._tenants[idle.popitem(last=False)[0]]
