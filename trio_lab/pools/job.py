"""One call on its way through a worker pool."""

from __future__ import annotations

from pickle import loads
from typing import TYPE_CHECKING, Any

import outcome
import trio

from ..admission.waiting_room import Entry
from ..errors import JobError, QueueTimeout, RunTimeout
from ..frames import CANCELLED, EXPIRED, RETURNED, RETURNED_NONE, Failure, Reply

if TYPE_CHECKING:
    from ..admission.tally import Tally
    from .slot import Slot
    from .workers import WorkerPool


class Job(Entry):
    """``caller`` is None once the caller has left, ``slot`` is None until the job has been given to a worker.

    A job is the outcome that its caller is woken with, too: Trio unwraps whatever a task is rescheduled with. That
    saves an object for each job, which is a twentieth of all that a short job costs here.
    """

    __slots__ = ("call", "caller", "number", "pool", "reply", "run_limit", "slot", "tally", "timed_out")

    pool: WorkerPool
    tally: Tally
    number: int
    call: bytes
    caller: trio.lowlevel.Task | None
    run_limit: float
    reply: Reply | None
    slot: Slot | None
    timed_out: bool

    def leave(self, _: object) -> trio.lowlevel.Abort:
        """The caller was cancelled (Trio's abort function)."""
        self.pool.abandon(self)
        return trio.lowlevel.Abort.SUCCEEDED

    def refused(self, error: Exception) -> None:
        self.fail(error)

    def fail(self, error: BaseException) -> None:
        if self.caller is not None:
            trio.lowlevel.reschedule(self.caller, outcome.Error(error))
            self.caller = None

    def unwrap(self) -> Any:
        """The job's result, or raise what ended it."""
        assert self.reply is not None
        _, end, _, value = self.reply
        if end == RETURNED_NONE:
            return None
        if end == RETURNED:
            return _load(value)
        if end == EXPIRED:
            raise QueueTimeout(self.pool.name)
        if end == CANCELLED:
            raise RunTimeout("the job ran into its run timeout and was ended")
        failure = Failure(*loads(value))
        error = JobError(failure.text.rsplit("\n", 1)[-1]) if failure.error is None else _load(failure.error)
        error.add_note(f"\nIn the worker:\n{failure.text}")
        raise error


def _load(value: bytes) -> Any:
    try:
        return loads(value)
    except Exception as error:
        raise JobError(f"the job's result cannot be read here: {error!r}") from error
