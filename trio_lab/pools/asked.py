"""A job that was given to a worker pool by a caller that has no task. Pure: no event loop.

A task that waits costs the event loop more than the job does, and it is for nothing if the caller leaves before the job has
ended. So `WorkerPool.ask` takes a job without one, and says when it has ended or was refused. The task that then begins has
the job `reserved` (`admission.reserved`), and `WorkerPool.run_timed` gives it the outcome at once.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from ..admission.reserved import Reserved
from ..errors import BrokenWorkerError, RunTimeout
from ..measure.ledger import LEDGER, Ledger
from .job import Job

_ENDS = (RunTimeout, BrokenWorkerError)  # of jobs that ran; what has another error was not run


class AskedJob:
    """It is the caller of its ``job``. If the job still `waits` when the pool has returned it, ``told`` is called once: with
    None when the job has ended, or with the error that refuses it. Call `give_up` if the caller leaves before that."""

    __slots__ = ("_abandon", "_pool", "job", "refusal", "told", "waits")

    job: Job

    due = inf  # the pool ends its wait

    def __init__(self, pool: object, abandon: Callable[[Job], object]) -> None:
        self._pool = pool
        self._abandon = abandon
        self.told: Callable[[Exception | None], object] | None = None
        self.waits = True
        self.refusal: Exception | None = None

    def __call__(self, job: Job) -> None:
        """The driver wakes the caller."""
        self.waits = False
        if isinstance(job.error, Exception) and not isinstance(job.error, _ENDS):
            self.refusal = job.error
        if self.told is not None:
            self.told(self.refusal)

    def give_up(self, ledger: Ledger) -> None:
        self._abandon(self.job)
        self.job.book(ledger, None, ledger.now())  # now it is known whether its worker had begun it

    def reserve(self) -> Reserved:
        """The job, which has ended, for the task that goes on with its outcome."""
        return Reserved(self, self._pool, lambda: None)

    def outcome(self, now: float) -> tuple[Any, float]:
        """What the job has returned, and the seconds that it waited for a worker. Raises what ended it."""
        if (ledger := LEDGER.get()) is not None:
            self.job.book(ledger, self.job.error, now)
        return self.job.unwrap(), self.job.entered - self.job.arrived
