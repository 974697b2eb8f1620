"""What every engine of background jobs can do, and what a worker knows of a job that it has claimed.

A job is delivered *at least once*: it is claimed under a lease, and when the lease runs out before its end it is given to
another worker. So a job may be run twice, but it ends only once: the end that comes from a worker whose lease has run out is
refused (the *fence*), by the number of the try and the name of the worker.

A worker that did not hear the answer tells the end again. As long as no other try has begun, the answer is then the same as
the first time, and nothing else happens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from ..records.job import JobRecord, JobState
from ..records.queue import Queue


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to be submitted: the name of a registered function, and its arguments, which JSON can hold.

    It begins after a ``delay`` in seconds, or not before the moment ``at``, in seconds since the epoch; at once if that has
    passed. A higher ``priority`` is served first; a job is tried ``max_tries`` times in all.

    Raises:
        ValueError: a figure is out of range.
    """

    name: str
    args: Mapping[str, Any]
    delay: float = 0.0
    at: float | None = None
    priority: int = 0
    max_tries: int = 5

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a job needs the name of a function")
        if not (self.delay >= 0 and math.isfinite(self.delay)):
            raise ValueError(f"delay must be a number of seconds from 0 on, not {self.delay:g}")
        if self.at is not None and (self.delay or not math.isfinite(self.at)):
            raise ValueError(f"at must be seconds since the epoch, without a delay, not {self.at:g}")
        if self.max_tries < 1:
            raise ValueError(f"max_tries must be at least 1, not {self.max_tries}")

    def due(self, now: float) -> float | None:
        """When it may begin, by the clock of ``now``. None: at once."""
        due = now + self.delay if self.at is None else self.at
        return due if due > now else None


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A job in the hands of the ``worker`` that has claimed it, for its try number ``tries``. Its ``args`` may be anything if
    another program has written them. (There is one for each job, and a frozen dataclass takes six times as long to make.)"""

    id: str
    name: str
    args: dict[str, Any]
    tries: int
    max_tries: int
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What a worker learns when it renews the lease of a job: whether it still has it, and whether it is to end it."""

    held: bool
    cancelling: bool = False


class Engine(Queue, Protocol):
    """Keeps jobs. All methods may raise `Overloaded` while the engine cannot be reached in time, and OSError when it cannot be
    read or written."""

    async def submit(self, job: NewJob) -> str:
        """Keep a job, durably, and return its id.

        Raises:
            QueueFull: as many jobs wait as may wait.
        """

    async def get(self, id: str) -> JobRecord | None:
        """A job, None if there is none with this id."""

    async def ended(self, id: str) -> JobRecord | None:
        """The same, once the job has ended; it is asked for some times a second. None if there is none with this id."""

    async def jobs(self, *, state: JobState | None = None, name: str | None = None, limit: int = 50) -> list[JobRecord]:
        """The newest jobs, newest first."""

    async def cancel(self, id: str) -> JobRecord | None:
        """End a job. One that waits is cancelled at once, one that runs when its worker hears of it."""

    async def retry(self, id: str) -> JobRecord | None:
        """Queue a job again that has failed, is dead or was cancelled; its tries are counted anew."""

    async def claim(self, most: int, *, worker: str, lease: float) -> list[Claimed]:
        """Up to ``most`` jobs for ``worker``, each for ``lease`` seconds. None when none is due."""

    async def renew(self, held: Sequence[tuple[Claimed, float | None]], *, lease: float) -> list[Lease]:
        """Renew the lease of each job, and tell its progress."""

    async def finish(self, job: Claimed, result: Any) -> bool:
        """The job has succeeded. False if its lease had run out: then this result is dropped."""

    async def finish_and_claim(self, job: Claimed, result: Any, *, lease: float) -> tuple[bool, Claimed | None]:
        """Do what `finish` does, and in the same step claim a job for the same worker, which has a place free now. There is no
        job in the answer when none is due, or when the engine has no such step."""

    async def fail(self, job: Claimed, error: str, *, again_in: float | None) -> bool:
        """This try has failed. The job is tried again in so many seconds if it may: not with None, nor after its last try, nor
        once it was cancelled. False as `finish`."""

    async def give_back(self, job: Claimed, *, cancelled: bool = False) -> bool:
        """The job was interrupted: queue it again as if this try had never begun, or, if it was ``cancelled`` meanwhile, end
        it. False as `finish`."""

    async def wait(self, timeout: float) -> None:
        """Returns when there may be jobs to claim, at the latest after ``timeout`` seconds."""

    async def look(self) -> None:
        """Read the counts anew, for `statistics`."""
