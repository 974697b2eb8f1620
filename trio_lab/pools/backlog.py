"""Jobs that are with no worker. Pure.

Most are in the waiting room, where the discipline chooses who is next. Before them come those that are *held*: they have
left the room and wait for the next worker that is free, in the order in which they were chosen. They turned out to be too
long to be sent ahead, or a worker had them and has not begun them.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from operator import attrgetter

from ..admission.choice import Chosen
from ..admission.tally import Tallies
from ..admission.waiting_room import Refusal, WaitingRoom
from ..errors import QueueTimeout
from .actions import Actions
from .job import Job

_NUMBER = attrgetter("number")


class Backlog:
    """The backlog of the pool with this name. Whoever is refused here is told by ``actions``."""

    def __init__(
        self, name: str, max_waiting: int | None, discipline: Chosen[Job], tallies: Tallies, actions: Actions
    ) -> None:
        self.room = WaitingRoom[Job](name, max_waiting=max_waiting, discipline=discipline, tallies=tallies)
        self.held: deque[Job] = deque()
        self._name = name
        self._actions = actions
        self.refusals: list[Refusal[Job]] = []
        """Jobs that the room has refused and that are not told yet; empty between two decisions."""

    def take(self, now: float) -> Job | None:
        """The next job whose time is not over."""
        held, refusals = self.held, self.refusals
        while held:
            job = held.popleft()
            if job.deadline > now:
                return job
            self.time_out(job, now)
        if not self.room.count:
            return None
        taken = self.room.take(now, refusals)
        if refusals:
            self.tell()
        return taken

    def hold(self, job: Job) -> None:
        """The job waits, behind those that were chosen before it."""
        if not job.number:
            job.number = next(self._actions.numbers)
        insort(self.held, job, key=_NUMBER)
        self._actions.at(job.deadline)

    def wait_again(self, now: float) -> None:
        """No worker is free for the jobs that had a place, and were taken back."""
        for job in list(self.held):
            job.wait_again()
            if job.deadline <= now:
                self.held.remove(job)
                self.time_out(job, now)
            else:
                self._actions.at(job.deadline)

    def caller_left(self, job: Job, now: float) -> None:
        """The job waits no longer, if it did; one that is with a worker is only learned from."""
        if job.worker is None and job not in self.held:
            self.room.remove(job, now)
            return
        timed_out = job.worker is None and job.deadline <= now
        if job.worker is None:
            self.held.remove(job)
            job.tally.give_up(timed_out=timed_out)
        if (learner := self.room.learner) is not None:
            (learner.stayed if timed_out else learner.left)(job, now)

    def expire(self, now: float) -> None:
        """Refuse jobs that have waited too long."""
        self.room.expire(now, self.refusals)
        self.tell()
        for job in [job for job in self.held if job.deadline <= now]:
            self.held.remove(job)
            self.time_out(job, now)
        self._actions.at(min((self.room.next_deadline(), *(job.deadline for job in self.held))))

    def time_out(self, job: Job, now: float) -> None:
        job.tally.timed_out += 1
        if self.room.learner is not None:
            self.room.learner.stayed(job, now)
        self._actions.fail(job, QueueTimeout(self._name))

    def clear(self) -> list[Job]:
        """All jobs, which wait no longer. They are counted as cancelled."""
        for job in self.held:
            job.tally.cancelled += 1
        jobs = [*self.held, *self.room.clear()]
        self.held.clear()
        return jobs

    def tell(self) -> None:
        """Tell the refused."""
        for job, error in self.refusals:
            self._actions.fail(job, error)
        self.refusals.clear()
