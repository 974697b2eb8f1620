"""Clients that differ in their patience, and that send a request again when it failed.

Every try is a request of its own, with its own intended start, patience and end, so the tallies know nothing of retries and
add up as before. A request failed if it had no reply, or one of 429 or 5xx. It keeps its URL and its patience. It is sent
again only while the duration lasts: one that waits for its next try at the end has failed.

These are subclasses, because the clients of a plain load must not pay for what they do not use.
"""

from __future__ import annotations

import heapq
import math
import random
from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from trio_lab.load.arrivals import Schedule
from trio_lab.load.clients import Clients
from trio_lab.load.closed import ClosedClients, CountedClients
from trio_lab.load.connection import Connection
from trio_lab.load.opened import OpenClients
from trio_lab.load.parts import Kind
from trio_lab.load.patience import Patience
from trio_lab.load.plan import LoadPlan
from trio_lab.load.retry import Retries
from trio_lab.load.tally import Tally
from trio_lab.records.load import Retries as Record

_AFTER_ERROR = 0.01  # seconds to wait at least after an error: with a dead server the generator must not spin


class _Returning(Clients, ABC):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        plan = self._plan
        dice = random.Random(0)  # the same figures in each run
        self._dice = dice
        self.retries = Retries(plan.retry, dice)
        self._failed = False  # whether the request failed that `_next` is called for
        self._served: set[int] = set()

    @property
    def unserved(self) -> int:
        """Clients without a single ok reply."""
        return len(self._connections) - len(self._served)

    def _draw(self, number: int) -> float:
        """The patience of the client or the request with this number."""
        plan = self._plan
        if isinstance(plan.leave_after, Patience):
            return min(plan.timeout, plan.leave_after.of(number, self._dice))
        return plan.patience

    def _replied(self, connection: Connection, status: int, now: float) -> None:
        self._failed = status == 429 or status >= 500
        if status < 400 and now - connection.intended <= connection.patience:
            self._served.add(connection.index)
        super()._replied(connection, status, now)

    def _give_up(self, connection: Connection, now: float) -> None:
        self._failed = True
        super()._give_up(connection, now)

    def _wait_for_retry(self, connection: Connection, failed: bool) -> float | None:
        """Seconds until the request that has just ended is sent again; None if it is not. ``failed``: its connection did."""
        again, self._failed = failed or self._failed, False
        wait = self.retries.next_wait(connection.tries) if again and self._sending else None
        return max(wait, _AFTER_ERROR) if wait is not None and failed else wait

    def _kind_of(self, connection: Connection, intended: float) -> Kind:
        if connection.tries and self.parts is not None and isinstance(connection.tally, Kind):
            return self.parts.again(connection.tally, intended)
        return super()._kind_of(connection, intended)

    def _begin(self, connection: Connection, intended: float, now: float) -> None:
        if connection.tries:
            self.retries.sent += 1
        else:
            self.retries.begin()
        super()._begin(connection, intended, now)

    def abandon(self, now: float) -> int:
        self.retries.sent -= sum(connection.busy and connection.tries > 0 for connection in self._connections)
        return super().abandon(now)


class ReturningClients(_Returning, ClosedClients):
    """Of a closed workload: a client does nothing else until its request has succeeded, or failed for the last time."""

    def _begin(self, connection: Connection, intended: float, now: float) -> None:
        if not connection.tries:
            connection.patience = self._draw(connection.index)
        super()._begin(connection, intended, now)

    def _next(self, connection: Connection, now: float, *, failed: bool = False) -> None:
        wait = self._wait_for_retry(connection, failed)
        if wait is None:
            connection.tries = 0
            super()._next(connection, now, failed=failed)
            return
        connection.busy = False
        connection.tries += 1
        self._rest(connection, now + wait)


class CountedReturningClients(ReturningClients, CountedClients):
    """The same, for a number of requests; retries are of that number."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class _Due:
    """A request that is sent again ``at`` that moment; of equal moments the first that was put down."""

    at: float
    number: int
    tries: int
    patience: float
    tally: Tally | Kind


class _WithRetries:
    """A schedule and the retries that are due beside it, in order of time. ``taken`` is told of each request that is taken:
    what it is a retry of, or None."""

    def __init__(self, arrivals: Schedule, end: float, taken: Callable[[_Due | None], None]) -> None:
        self._arrivals, self._end, self._taken = arrivals, end, taken
        self._due: list[_Due] = []
        self._numbers = count()

    def put(self, at: float, connection: Connection) -> None:
        """The request of the connection is due again."""
        if at < self._end:
            due = _Due(
                at=at,
                number=next(self._numbers),
                tries=connection.tries + 1,
                patience=connection.patience,
                tally=connection.tally,
            )
            heapq.heappush(self._due, due)

    @property
    def next_due(self) -> float:
        return min(self._arrivals.next_due, self._due[0].at if self._due else math.inf)

    def take(self, now: float) -> float | None:
        if self._due and self._due[0].at <= min(now, self._arrivals.next_due):
            due = heapq.heappop(self._due)
            self._taken(due)
            return due.at
        intended = self._arrivals.take(now)
        if intended is not None:
            self._taken(None)
        return intended

    def waiting(self, now: float) -> int:
        return self._arrivals.waiting(now) + sum(one.at <= now for one in self._due)

    def end(self, now: float) -> None:
        self._end = now
        self._arrivals.end(now)
        self._due = sorted(one for one in self._due if one.at <= now)


class OpenReturningClients(_Returning, OpenClients):
    """Of an open workload: a retry is due when its wait is over, and takes any free connection, as every request does."""

    def __init__(self, *arguments: Any) -> None:
        self._numbers = count()
        self._again: _Due | None = None  # what the request that was taken last is a retry of
        super().__init__(*arguments)

    def _schedule(self, start: float) -> Schedule:
        self._returns = _WithRetries(super()._schedule(start), start + self._plan.span, self._was_taken)
        return self._returns

    def _was_taken(self, again: _Due | None) -> None:
        self._again = again
        self._patience = self._draw(next(self._numbers)) if again is None else again.patience

    def _drop(self, intended: float, now: float) -> None:
        """A retry keeps its URL, as it does when it is sent."""
        dropped = None if self._again is None else self._again.tally
        if self.parts is not None and isinstance(dropped, Kind):
            self.parts.again(dropped, intended).drop(intended, now)
        else:
            super()._drop(intended, now)

    def _begin(self, connection: Connection, intended: float, now: float) -> None:
        connection.patience, connection.tries = self._patience, 0
        if self._again is not None:
            connection.tally, connection.tries = self._again.tally, self._again.tries
        super()._begin(connection, intended, now)

    def _next(self, connection: Connection, now: float, *, failed: bool = False) -> None:
        wait = self._wait_for_retry(connection, failed)
        if wait is not None:
            self._returns.put(now + wait, connection)
        super()._next(connection, now, failed=failed)


def clients_of(plan: LoadPlan) -> type[Clients]:
    """What the clients of a plan are."""
    varies = isinstance(plan.leave_after, Patience) and plan.leave_after.varies
    if plan.schedule:
        return OpenReturningClients if plan.retry or varies else OpenClients
    if plan.retry or plan.leave_after:
        return CountedReturningClients if plan.requests else ReturningClients
    return CountedClients if plan.requests else ClosedClients


def retries_of(clients: Clients) -> Record | None:
    """What was sent again, after the end; None where nothing was to be."""
    if not isinstance(clients, _Returning) or clients.retries.retry is None:
        return None
    counts, retries = clients.tally.counts(), clients.retries
    return Record(retries=retries.sent, failed=counts.sent - retries.sent - counts.ok, denied=retries.denied)
