"""One call on its way through a worker pool, and the slot it runs in."""

from __future__ import annotations

import pickle
from typing import Any

import trio

from ..admission.bulkhead import Place
from ..errors import JobError
from ..frames import Reply
from .worker import Worker


class NeverRead(Exception):
    """The worker died before it had read the job, so it is safe to give it to another."""


class Job:
    """One call on its way. ``caller`` is None once the caller has left."""

    __slots__ = ("caller", "number", "place", "timed_out")

    def __init__(self, number: int, place: Place, caller: trio.lowlevel.Task) -> None:
        self.number = number
        self.place = place
        self.caller: trio.lowlevel.Task | None = caller
        self.timed_out = False


class Slot:
    """Where one worker lives, and the next one after it died."""

    def __init__(self) -> None:
        self.worker: Worker | None = None
        self.job: Job | None = None
        self.run_scope = trio.CancelScope()
        """Its deadline is the running job's run timeout, infinitely far while the worker is idle."""
        self.deaths = 0
        """Workers lost here since a job last ended."""


def exit_text(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def unwrap(reply: Reply) -> Any:
    try:
        value = None if reply.value is None else pickle.loads(reply.value)
    except Exception as error:
        raise JobError(f"the job's result cannot be read here: {error!r}") from error
    if reply.ok:
        return value
    failure: Exception = JobError(reply.text.rsplit("\n", 1)[-1]) if value is None else value
    failure.add_note(f"\nIn the worker:\n{reply.text}")
    raise failure
