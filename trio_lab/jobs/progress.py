"""How a running job says how far it is: `job_progress`, which it calls as often as it likes. Standard library only."""

from __future__ import annotations

from contextvars import ContextVar
from typing import SupportsFloat


class Told:
    """The last that a job told, a share from 0 to 1; None before."""

    __slots__ = ("share",)

    def __init__(self) -> None:
        self.share: float | None = None


TOLD: ContextVar[Told | None] = ContextVar("told", default=None)


def job_progress(share: SupportsFloat) -> None:
    """Tell how much of the job is done, from 0 to 1. Outside of jobs, and in worker processes, this does nothing.

    It is kept when the lease is renewed, so others see it some seconds later.
    """
    if (told := TOLD.get()) is not None:
        told.share = min(1.0, max(0.0, float(share)))  # SQLite stores no other kinds of numbers
