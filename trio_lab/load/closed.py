"""The clients of a closed workload: each asks again when it has its reply, after its think time if it has one."""

from __future__ import annotations

from trio_lab.load.clients import Clients
from trio_lab.load.connection import Connection
from trio_lab.load.plan import LoadPlan
from trio_lab.load.poller import Poller
from trio_lab.load.target import Address, Target

_FIRST_BACKOFF, _LAST_BACKOFF = 0.01, 0.25  # seconds between attempts at a server that is not there


class ClosedClients(Clients):
    """After a failure a client waits before it asks again, longer each time: a dead server is no busy loop."""

    def __init__(self, plan: LoadPlan, targets: list[Target], address: Address, poller: Poller) -> None:
        super().__init__(plan, targets, address, poller)
        self._think = plan.think

    def start(self, now: float) -> None:
        """With a think time the clients begin evenly spread over it: else they would ask together for ever."""
        super().start(now)
        think, clients = self._think, len(self._connections)
        for connection in self._connections:
            if think and connection.index:
                self._rest(connection, now + think * connection.index / clients)
            elif self._sending:
                self._begin(connection, now, now)

    def try_once(self, now: float) -> None:
        self._sending = False

    def tick(self, now: float) -> None:
        tally = self.tally
        if now >= tally.boundary:
            tally.advance(now)
        if tally.inside is not None:
            self._sending = False
        if self._timers and now >= self._timers[0][0]:
            self._run_timers(now)

    def _next(self, connection: Connection, now: float, *, failed: bool = False) -> None:
        connection.busy = False
        if not self._sending:
            return
        if failed:
            connection.backoff = min(max(_FIRST_BACKOFF, 2 * connection.backoff), _LAST_BACKOFF)
            self._rest(connection, now + connection.backoff)
        elif self._think:
            self._rest(connection, now + self._think)
        else:
            self._begin(connection, now, now)

    def _rest(self, connection: Connection, until: float) -> None:
        connection.intended = until
        self._watch(connection, until)

    def _rested(self, connection: Connection, now: float) -> None:
        if not self._sending:
            return
        if now < connection.intended:
            self._watch(connection, connection.intended)
        else:
            self._begin(connection, now, now)

    def _lost_idle(self, connection: Connection) -> None:
        """It is opened again when its client asks."""


class CountedClients(ClosedClients):
    """Clients that share a number of requests; when all are sent, they only wait for the replies."""

    def _begin(self, connection: Connection, intended: float, now: float) -> None:
        if self.tally.sent + 1 >= (self._plan.requests or 0):
            self._sending = False  # first, since a failure within `_begin` asks what is next
        super()._begin(connection, intended, now)
