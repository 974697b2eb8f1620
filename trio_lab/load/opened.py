"""The clients of an open workload: a request takes a free connection when it is due, and waits for one when there is none."""

from __future__ import annotations

import math
import time

from trio_lab.load.arrivals import Arrivals, Schedule
from trio_lab.load.clients import Clients
from trio_lab.load.connection import Connection, State
from trio_lab.load.plan import LoadPlan
from trio_lab.load.poller import Poller
from trio_lab.load.target import Address, Target
from trio_lab.measure.histogram import Histogram


class OpenClients(Clients):
    """Their requests come from a schedule. Which client sends one does not matter: the one that was free last."""

    def __init__(self, plan: LoadPlan, targets: list[Target], address: Address, poller: Poller) -> None:
        super().__init__(plan, targets, address, poller)
        self._arrivals = self._schedule(0.0)
        self._idle: dict[Connection, None] = {}  # used as a stack
        self._unconnected: list[Connection] = []  # free as well: a request that takes one connects it
        self._none_free_until = 0.0
        self.behind: int | None = None  # requests due and not sent when the duration ended
        self.lateness = Histogram()  # how late requests were sent that found a connection free

    def _schedule(self, start: float) -> Schedule:
        return Arrivals(start=start, steps=self._plan.schedule, most=self._plan.requests)

    def start(self, now: float) -> None:
        super().start(now)
        self._arrivals = self._schedule(now)
        for connection in self._connections:
            self._next(connection, now)

    def try_once(self, now: float) -> None:
        self._arrivals.end(now)
        if self._arrivals.next_due > now:  # the schedule begins with a pause
            self._begin(self._unconnected.pop(), now, now)
        self._sending = False

    def tick(self, now: float) -> None:
        tally, arrivals = self.tally, self._arrivals
        if now >= tally.boundary:
            tally.advance(now)
        if self._timers and now >= self._timers[0][0]:
            self._run_timers(now)
        self._send_due(arrivals, now)
        if tally.inside is not None:  # what was due by then is still sent, as long as its client would wait
            if self.behind is None:
                self.behind = arrivals.waiting(tally.end)
            self._sending = arrivals.next_due < math.inf

    def backlog(self, now: float) -> int:
        return self._arrivals.waiting(now)

    def next_moment(self) -> tuple[float, bool]:
        moment, exact = super().next_moment()
        if self._idle or self._unconnected:
            due = self._arrivals.next_due
            if due <= moment:
                return due, True
        return moment, exact

    def stop(self, now: float) -> None:
        super().stop(now)
        self._arrivals.end(now)

    def abandon(self, now: float) -> int:
        while (intended := self._arrivals.take(now)) is not None:
            self._drop(intended, now)
        return super().abandon(now)

    def _send_due(self, arrivals: Schedule, now: float) -> None:
        while self._idle or self._unconnected:
            intended = arrivals.take(now)
            if intended is None:
                return
            if now - intended >= self._patience:
                self._drop(intended, intended + self._patience)
                continue
            connection = self._idle.popitem()[0] if self._idle else self._unconnected.pop()
            now = time.perf_counter()
            if intended >= self._none_free_until:
                self.lateness.record(now - intended)
            self._begin(connection, intended, now)

    def _drop(self, intended: float, now: float) -> None:
        (self.tally if self.parts is None else self.parts.next(intended)).drop(intended, now)

    def _next(self, connection: Connection, now: float, *, failed: bool = False) -> None:
        connection.busy = False
        if not self._sending:
            return
        if not self._idle and not self._unconnected:
            self._none_free_until = now
        if connection.state is State.IDLE:
            self._idle[connection] = None
        else:
            self._unconnected.append(connection)

    def _rested(self, connection: Connection, now: float) -> None:
        """The timer was that of a request that has ended: nothing is due."""

    def _lost_idle(self, connection: Connection) -> None:
        if self._idle.pop(connection, self) is None:
            self._unconnected.append(connection)
