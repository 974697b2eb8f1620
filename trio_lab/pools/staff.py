"""Which workers live: how many are wanted, when one is started, which are retired, which are replaced. Pure.

The dispatcher asks for jobs, this for workers; both put what is to be done into the same `Actions`. A worker that died
unasked is replaced as fast as the restart policy allows, one that ended as it was asked to at once.

A job whose time is up is asked to end, and if it does not, its worker is killed. A job whose caller has left may be ended in
the same way (``on_cancel="stop"``), but only if that costs less than to let it end: it first gets as long as a start takes, so
at most twice as much is lost as by the better choice. And such kills are bounded (`KillBudget`): beyond that bound, what
nobody waits for runs on to its end or to its run timeout.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from ..admission.disciplines import Learner
from .actions import Actions, Verb
from .job import Job, Worker
from .limits import PoolLimits
from .restart import KillBudget, RestartBudget
from .slot import Slot, State

_KEPT_FIRST = (State.BUSY, State.IDLE, State.STARTING, State.LOST, State.VACANT, State.RETIRING)
KILL_AFTER = 0.2
"""Seconds between asking a job to end and killing its worker."""
_LONGEST_START = 1.0  # seconds; a start on a machine that is full may take longer, and says little about the next
_END_TIME = 1.0  # seconds an idle worker may take to end; a job may have left a thread that never does


class Staff:
    """The slots of a pool, see `Slot`."""

    def __init__(self, pool: str, limits: PoolLimits, actions: Actions, learner: Learner | None = None) -> None:
        self._limits = limits
        self._actions = actions
        self.slots = [
            Slot(pool, n, actions, ahead=limits.ahead, max_jobs=limits.max_jobs, learner=learner)
            for n in range(limits.size)
        ]
        self.idle: list[Slot] = []
        """Workers without a job, the one that gets the next at the end."""
        self.budget = RestartBudget(limits.restart)
        self._kills = KillBudget(limits.restart)
        self._start_seconds = 0.0
        """How long the last worker took until it was ready."""
        self.restarts = 0
        """Workers started in the place of one that died unasked."""
        self._offered_seconds = 0.0  # integral over time of the capacity
        self._changed = 0.0

    @property
    def size(self) -> int:
        """Workers that are wanted now."""
        return sum(slot.wanted for slot in self.slots)

    @property
    def ready(self) -> int:
        """Workers that live and take jobs."""
        return sum(slot.takes_jobs for slot in self.slots)

    @property
    def busy(self) -> int:
        """Workers that run a job."""
        return sum(bool(slot.jobs) for slot in self.slots)

    @property
    def capacity(self) -> int:
        """Workers that take jobs, and those that run their last."""
        return sum(slot.takes_jobs or bool(slot.jobs) for slot in self.slots)

    def utilization(self, now: float) -> float:
        """The share of the time of the `capacity` in which jobs ran."""
        self._account(now)
        busy = sum(slot.busy_seconds + (now - slot.jobs[0].entered if slot.jobs else 0.0) for slot in self.slots)
        return min(1.0, busy / self._offered_seconds) if self._offered_seconds else 0.0

    def _account(self, now: float, *, ended: int = 0) -> None:
        """Call it before the capacity changes, or with so many workers that had their last job until now."""
        self._offered_seconds += (now - self._changed) * (self.capacity + ended)
        self._changed = now

    def resize(self, size: int, now: float) -> None:
        """Want so many workers. Those too many end after the jobs they have; idle ones are chosen before busy ones, and
        those that have been idle for long before others."""
        order = sorted(self.slots, key=lambda slot: (not slot.wanted, _KEPT_FIRST.index(slot.state), -slot.idle_since))
        for n, slot in enumerate(order):
            slot.want(n < size)
            if n >= size:
                self.retire(slot, now)
        self.start_wanted(now)
        self._tell_ready(self.slots[0])

    def start_wanted(self, now: float) -> None:
        """Start workers where they are wanted, as many as may be started now; look again when the next may be."""
        for slot in self.slots:
            if slot.wanted and slot.is_empty:
                if (due := self.budget.next_start(now)) > now:
                    self._actions.at(due)
                    return
                self.budget.started(now)
                self.restarts += slot.state is State.LOST
                slot.start(now)
                self._actions.order(Verb.START, slot.number)

    def on_started(self, slot: Slot, worker: Worker, now: float) -> None:
        """The process exists. It may have become one too many meanwhile."""
        slot.occupy(worker)
        if slot.state is State.RETIRING:
            self.end(slot, now)

    def on_ready(self, slot: Slot, now: float) -> None:
        self._account(now)
        self._start_seconds = min(now - slot.started, _LONGEST_START)
        slot.ready(now)
        self.idle.append(slot)
        self._tell_ready(slot)

    def _tell_ready(self, last: Slot) -> None:
        if self.ready >= self.size:
            self._actions.order(Verb.ALL_READY, last.number)

    def retire(self, slot: Slot, now: float) -> None:
        """No more jobs for this worker; it ends when it has none. Nothing changes where none lives."""
        if slot.state in (State.STARTING, State.IDLE, State.BUSY):
            self._remove(slot, now)
            slot.retire()
            self.end(slot, now)

    def end(self, slot: Slot, now: float) -> None:
        """Ask a retiring worker to end, once, when it has no job any more. A worker that was never ready is killed: it has
        nothing to finish."""
        if slot.worker is not None and not slot.jobs and not slot.ending:
            was_ready = slot.since < math.inf
            self._account(now, ended=was_ready)
            self._actions.order(Verb.END if was_ready else Verb.KILL, slot.number)
            slot.end_by(now + _END_TIME)
            self._actions.at(slot.due)

    def is_unwanted(self, slot: Slot) -> bool:
        """Whether the running job is to be asked to end because its caller has left."""
        return (
            self._limits.on_cancel == "stop"
            and bool(slot.jobs)
            and slot.jobs[0].caller is None
            and not slot.interrupted
            and slot.state is not State.LOST
        )

    def end_running(self, slot: Slot, now: float) -> None:
        """The running job is to end, or the worker. A job is asked first."""
        job = slot.jobs[0] if slot.jobs else None
        if job is not None and not slot.interrupted:
            wait = max(KILL_AFTER, self._start_seconds)
            slot.interrupt(min(now + wait, max(now, job.ends_at) + KILL_AFTER))
            self._actions.order(Verb.INTERRUPT, slot.number, job.number)
        elif job is None:
            if slot.state is State.RETIRING:
                self.kill(slot, now)
        elif job.ends_at <= now:
            self.kill(slot, now)
        elif self._kills.next_kill > now:
            slot.put_off(min(job.ends_at, self._kills.next_kill))
        else:
            self._kills.killed(now)
            self.kill(slot, now)

    def kill(self, slot: Slot, now: float) -> None:
        """A worker does not end its job, or does not end."""
        self._actions.order(Verb.KILL, slot.number)
        slot.end_by(math.inf)
        self.lose(slot, now)

    def lose(self, slot: Slot, now: float) -> None:
        """A worker has died, or will at once; its jobs and its last replies are still with it. One that is retiring ends as it
        was asked to."""
        if slot.state in (State.STARTING, State.IDLE, State.BUSY):
            self._remove(slot, now)
            slot.lose()

    def _remove(self, slot: Slot, now: float) -> None:
        self._account(now)
        if slot.state is State.IDLE:
            self.idle.remove(slot)

    def on_gone(self, slot: Slot, now: float) -> list[Job]:
        """A process is gone, or there never was one. Returns the jobs that went with it.

        It counts against the restart policy if it died unasked before it was of any use, and no job may be the reason.
        """
        self._account(now)
        died = slot.state is State.LOST
        useless = slot.served == 0 and now - slot.since < self._limits.restart.pace
        jobs = slot.clear(now)
        if died and useless and not jobs:
            self.budget.died(now, slot.started)
        return jobs

    def is_spent(self, slot: Slot, now: float) -> bool:
        """Whether a worker has run all the jobs it may, or is as old as it may be."""
        return slot.limit <= 0 or (self._limits.max_age is not None and now - slot.since >= self._limits.max_age)

    def keep_house(self, waiting: int, too_large: Collection[Slot], now: float) -> None:
        """Retire workers that hold too much memory, are too old, or have been idle for long; want one more for who waits."""
        for slot in self.slots:
            if slot.takes_jobs and (slot in too_large or self.is_spent(slot, now)):
                self.retire(slot, now)
        limits, size = self._limits, self.size
        if limits.min_size is None:
            return
        if waiting and size < limits.size:
            self.resize(size + 1, now)
        elif size > limits.min_size and any(now - slot.idle_since >= limits.idle_timeout for slot in self.idle):
            self.resize(size - 1, now)

    def close(self, now: float) -> None:
        for slot in self.slots:
            slot.want(False)
            self.retire(slot, now)
