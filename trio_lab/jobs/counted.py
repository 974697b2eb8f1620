"""What the engines have in common: the counts that they show as a queue, how the end of a job is waited for, and what an id
looks like."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import trio

from ..records.job import JobRecord
from ..records.queue import QueueStatistics, Undivided

_ASK = 0.05  # seconds between two looks at a job whose end is waited for


@dataclass(slots=True)
class Tally:
    """Counts of all jobs that an engine keeps, or how a transaction changes them."""

    waiting: int = 0
    running: int = 0
    arrivals: int = 0
    completions: int = 0
    cancelled: int = 0
    lost: int = 0
    fenced: int = 0


class Counted(Undivided):
    """``_tally`` is as of the last `look`, and ``_rejected`` counts the submissions that this object has refused."""

    def __init__(self, name: str, bound: int | None) -> None:
        self.name = name
        self._bound = bound
        self._rejected = 0
        self._tally = Tally()

    @abstractmethod
    async def get(self, id: str) -> JobRecord | None: ...

    async def ended(self, id: str) -> JobRecord | None:
        while True:
            found = await self.get(id)
            if found is None or found.state not in ("queued", "running"):
                return found
            await trio.sleep(_ASK)

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        """As of the last `look`. The counts are those of all processes; only what was rejected is counted here alone."""
        tally = self._tally
        return QueueStatistics(
            name=self.name,
            in_service=tally.running,
            waiting=tally.waiting,
            max_waiting=self._bound,
            arrivals=tally.arrivals + self._rejected,
            completions=tally.completions,
            rejected=self._rejected,
            timed_out=0,
            cancelled=tally.cancelled,
            kinds=(),
        )


def number(id: str) -> int | None:
    """Both engines count their jobs from 1. None: no job has such an id."""
    return int(id) if id.isascii() and id.isdigit() and len(id) <= 18 else None
