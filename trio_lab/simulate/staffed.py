"""A pool of worker processes in virtual time: the gate has as many places as there are workers that live.

The rules are the pools' own. The autoscaler (`pools.autoscaler`) looks at the pool and wants more workers or fewer, and the
restart budget (`pools.restart`) says when a worker that died may be started again, and from when on callers are refused because
none lives. Simulated are the processes: each takes `START` seconds to begin.

One thing is simpler than in the pool: while none can be kept alive those who wait go on waiting, up to their queue timeout.
"""

from __future__ import annotations

from math import inf

from ..admission.gate import Gate, Place
from ..errors import RestartLimitReached
from ..pools.autoscaler import PERIOD, Autoscaler
from ..pools.limits import PoolLimits
from ..pools.restart import RestartBudget
from ..records.queue import QueueStatistics
from .callers import Request
from .events import FAULT
from .lane import FastLane
from .log import Log
from .service import Around, Service

START = 0.1
"""Seconds: what a worker takes to be ready on two cores, with little to import."""


class Staff(Around):
    """The workers: a service whose work is lost when they die."""

    def __init__(self, inner: Service) -> None:
        super().__init__(inner)
        self.running: dict[Place, None] = {}

    def start(self, place: Place, work: float) -> None:
        self.running[place] = None
        self._inner.start(place, work)

    def stop(self, place: Place) -> None:
        del self.running[place]
        self._inner.stop(place)

    def _worked(self, place: Place) -> None:
        del self.running[place]
        self.on_end(place)


class StaffedLane(FastLane):
    """A fast lane whose gate has the places of workers that live. All ``servers`` live at the beginning; with ``autoscale`` one
    does, and there may be that many. ``cores`` is how many of them find a core of their own."""

    def __init__(
        self,
        gate: Gate,
        staff: Staff,
        *,
        servers: int,
        autoscale: bool,
        cores: int,
        seed: int = 1,
        run_timeout: float | None = None,
        requests: float = inf,
        log: Log | None = None,
    ) -> None:
        super().__init__(gate, staff, seed=seed, run_timeout=run_timeout, requests=requests, log=log)
        self.limits = PoolLimits(size=servers)
        self.name = gate.name
        self.size = self.ready = servers
        self._staff, self._cores = staff, cores
        self._budget = RestartBudget(self.limits.restart)
        self._starting = 0
        self._dying_until = 0.0
        self._next_start = 0.0  # when the next look is planned whether a worker may be started
        self._autoscaler: Autoscaler | None = None
        if autoscale:
            self._autoscaler = Autoscaler(
                self, smallest=1, largest=servers, idle_after=3.0, loop_lag=lambda: 0.0, free_cores=self._free_cores
            )
            self.events.at(self.events.now + PERIOD, self._look, None, FAULT)

    # What the autoscaler asks of a pool.

    @property
    def waiting(self) -> int:
        return self.gate.waiting

    def statistics(self) -> QueueStatistics:
        return self.gate.statistics()

    def resize(self, size: int) -> None:
        self.size = size
        self._hire()

    def _free_cores(self) -> float:
        return float(self._cores - len(self._staff.running))

    def _look(self, _: None) -> None:
        assert self._autoscaler is not None
        self._autoscaler.look(self.events.now)
        self.events.at(self.events.now + PERIOD, self._look, None, FAULT)

    # Workers come and go.

    def crash(self, until: float) -> None:
        """All workers die, and so does each that is started before then."""
        self._dying_until = max(self._dying_until, until)
        self.ready = 0
        self._tell(self.gate.resize(0, self.events.now))
        for place in [*self._staff.running]:
            self._stop(place)
        self._hire()

    def _hire(self) -> None:
        """Have as many workers as are wanted; those too many end at once, or after the job that they have."""
        now = self.events.now
        if self.ready > self.size:
            self.ready = self.size
            self._tell(self.gate.resize(self.ready, now))
        while self.ready + self._starting < self.size:
            if (due := self._budget.next_start(now)) > now:
                if due != self._next_start:
                    self._next_start = due
                    self.events.at(due, self._hire_later, None, FAULT)
                return
            self._budget.started(now)
            self._starting += 1
            self.events.at(now + START, self._begin, now, FAULT)

    def _hire_later(self, _: None) -> None:
        self._hire()

    def _begin(self, started: float) -> None:
        now = self.events.now
        self._starting -= 1
        if now < self._dying_until:
            self._budget.died(now, started)
        elif self.ready < self.size:
            self._budget.proved()
            self.ready += 1
            self._tell(self.gate.resize(self.ready, now))
        self._hire()

    def _look_for_the_end(self) -> None:
        if self._autoscaler is None:  # else it looks on
            super()._look_for_the_end()

    def _ask(self, request: Request) -> None:
        if self._budget.open and not self.ready:
            self._arrive(request)
            self._refuse(request, RestartLimitReached(self.name))
        else:
            super()._ask(request)
