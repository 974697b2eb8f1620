"""Where callers wait for their jobs.

`trio.lowlevel.wait_task_rescheduled` makes two coroutines and a message for each wait. The message is what has the task
parked, and it says what to call when the task is cancelled. Trio takes that from it and keeps nothing in it, so one message
does for many waits, one after the other: a seat has its message, and parks whoever sits there.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import trio

from .job import Job


class Seats:
    """The seats of a pool: as many as it ever had callers at one time."""

    def __init__(self) -> None:
        self._free: list[Seat] = []

    def take(self, job: Job) -> Seat:
        """To be awaited at once: returns the job's result, or raises what ended it."""
        seat = self._free.pop() if self._free else Seat(self._free)
        seat.job = job
        return seat


class Seat:
    """A place for one caller. It is free again when the wait has ended, however it did."""

    __slots__ = ("_asking", "_free", "_message", "job")

    job: Job | None

    def __init__(self, free: list[Seat]) -> None:
        self._free = free
        # Begun, and never gone on with: it is there for what it yields.
        self._asking = trio.lowlevel.wait_task_rescheduled(self._leave)  # noqa: ASYNC105
        self._message = self._asking.send(None)

    def __await__(self) -> Generator[object, Any, Any]:
        end = yield self._message
        self.job = None  # or its result would live as long as the seat
        self._free.append(self)
        return end.unwrap()

    def _leave(self, _: object) -> trio.lowlevel.Abort:
        """The caller was cancelled (Trio's abort function)."""
        assert self.job is not None
        self.job.dispatcher.abandon(self.job)
        return trio.lowlevel.Abort.SUCCEEDED
