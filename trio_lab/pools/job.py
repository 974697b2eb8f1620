"""One call on its way through a worker pool."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import outcome
import trio

from ..admission.waiting_room import Entry
from ..errors import JobError, QueueTimeout, RunTimeout
from ..frames import CANCELLED, EXPIRED, RETURNED, RETURNED_NONE, Failure, Reply

if TYPE_CHECKING:
    from .slot import Slot


class Job(Entry):
    """``caller`` is None once the caller has left, ``slot`` is None until the job has been given to a worker."""

    __slots__ = ("call", "caller", "large", "number", "run_limit", "slot", "timed_out")

    def __init__(
        self,
        number: int,
        call: bytes,
        caller: trio.lowlevel.Task,
        kind: str,
        priority: int,
        now: float,
        patience: float | None,
        run_limit: float,
    ) -> None:
        super().__init__(kind, priority, now, patience)
        self.number = number
        self.call = call
        self.caller: trio.lowlevel.Task | None = caller
        self.run_limit = run_limit
        self.slot: Slot | None = None
        self.timed_out = False

    def refused(self, error: Exception) -> None:
        self.fail(error)

    def fail(self, error: BaseException) -> None:
        if self.caller is not None:
            trio.lowlevel.reschedule(self.caller, outcome.Error(error))
            self.caller = None


def unwrap(reply: Reply, pool: str) -> Any:
    """The job's result, or raise what ended it."""
    if reply.end == RETURNED_NONE:
        return None
    if reply.end == RETURNED:
        return _load(reply.value)
    if reply.end == EXPIRED:
        raise QueueTimeout(pool)
    if reply.end == CANCELLED:
        raise RunTimeout("the job ran into its run timeout and was ended")
    failure = Failure(*pickle.loads(reply.value))
    error = JobError(failure.text.rsplit("\n", 1)[-1]) if failure.error is None else _load(failure.error)
    error.add_note(f"\nIn the worker:\n{failure.text}")
    raise error


def _load(value: bytes) -> Any:
    try:
        return pickle.loads(value)
    except Exception as error:
        raise JobError(f"the job's result cannot be read here: {error!r}") from error
