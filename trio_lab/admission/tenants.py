"""Fairness between tenants: those with the fewest places come first.

A tenant is one caller among many: an API key, a user, an address. Taking turns request by request is not enough: a tenant
whose requests take ten times as long would get ten times the service. So the next place goes to the waiting tenant that
holds the fewest places, and tenants that hold equally many take turns. A tenant that has none waits for at most one
place for each other tenant that has none, however many requests the others send.

Only tenants that wait or hold places are kept, so the memory is bounded by the requests and not by the tenants. Each
tenant's own requests are ordered by a discipline of its own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from .disciplines import Discipline, Learner, Waiting


class OfTenant(Waiting, Protocol):
    tenant: str


W = TypeVar("W", bound=OfTenant)


class ByTenant(Generic[W]):
    """A `Discipline` that is also told who gets and gives back places: `hold` and `release`. ``learner`` is that of the
    queues which ``make`` makes."""

    def __init__(self, make: Callable[[], Discipline[W]], learner: Learner | None = None) -> None:
        self.learner = learner
        self._make = make
        self._queues: dict[str, Discipline[W]] = {}  # of tenants that wait
        self._held: dict[str, int] = {}  # places, of tenants that have any
        self._turns: dict[int, OrderedDict[str, None]] = {}  # tenants that wait, by places held; next turn first
        self._waiting = 0

    def push(self, entry: W) -> None:
        tenant = entry.tenant
        queue = self._queues.get(tenant) or self._make()
        queue.push(entry)  # first of all: a discipline may refuse what it cannot put in order
        self._waiting += 1
        if tenant not in self._queues:
            self._queues[tenant] = queue
            self._line_up(tenant, self._held.get(tenant, 0))

    def pop(self, now: float, refused: list[W]) -> W | None:
        while self._turns:
            tenant = next(iter(self._turns[min(self._turns)]))
            queue = self._queues[tenant]
            before = len(queue)
            entry = queue.pop(now, refused)
            self._waiting -= before - len(queue)
            if not len(queue):
                self._forget(tenant)
            if entry is not None:
                return entry
        return None

    def remove(self, entry: W) -> None:
        queue = self._queues[entry.tenant]
        queue.remove(entry)
        self._waiting -= 1
        if not len(queue):
            self._forget(entry.tenant)

    def __len__(self) -> int:
        return self._waiting

    def waiting_of(self, tenant: str) -> int:
        queue = self._queues.get(tenant)
        return 0 if queue is None else len(queue)

    def hold(self, tenant: str) -> None:
        """The tenant got a place."""
        held = self._held.get(tenant, 0)
        self._held[tenant] = held + 1
        if tenant in self._queues:
            self._step_out(tenant, held)
            self._line_up(tenant, held + 1)

    def release(self, tenant: str) -> None:
        """The tenant gave a place back."""
        held = self._held.pop(tenant)
        if held > 1:
            self._held[tenant] = held - 1
        if tenant in self._queues:
            self._step_out(tenant, held)
            self._line_up(tenant, held - 1)

    def _line_up(self, tenant: str, held: int) -> None:
        self._turns.setdefault(held, OrderedDict())[tenant] = None

    def _step_out(self, tenant: str, held: int) -> None:
        turns = self._turns[held]
        del turns[tenant]
        if not turns:
            del self._turns[held]

    def _forget(self, tenant: str) -> None:
        del self._queues[tenant]
        self._step_out(tenant, self._held.get(tenant, 0))
