"""One record for every queue, so that queues can be compared.

The wait in the queue and the service are two figures: a pool that is too small and jobs that are too slow have the same
sum and need opposite cures. What a queue cannot observe is None, and "not observed" in JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import count
from typing import Annotated, ClassVar, Protocol

from .codec import MS, NOT_OBSERVED, Ratio
from .summary import Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatistics:
    """A queue at one moment, and since it was opened.

    ``arrivals = completions + rejected + timed_out + cancelled + in_service + waiting`` at every moment. ``cancelled``
    counts callers that left while waiting; a caller that left while being served is a completion. ``max_waiting`` is
    the bound on ``waiting``, None when there is no bound (or it is not observed). Times in seconds.

    ``kinds`` has a record for each kind of job that the queue tells apart; those records have no kinds themselves.
    """

    NULL: ClassVar[str] = NOT_OBSERVED
    OPTIONAL: ClassVar[tuple[str, ...]] = ("kinds",)

    name: str
    capacity: int | None = None
    in_service: int | None = None
    waiting: int | None = None
    max_waiting: int | None = None
    peak_waiting: int | None = None
    utilization: Ratio | None = None
    arrivals: int | None = None
    completions: int | None = None
    rejected: int | None = None
    timed_out: int | None = None
    cancelled: int | None = None
    wait: Annotated[Summary | None, MS] = None
    service: Annotated[Summary | None, MS] = None
    kinds: tuple[QueueStatistics, ...] | None = None

    def parts(self) -> tuple[QueueStatistics, ...]:
        """The records of its kinds; its own if it tells none apart."""
        return self.kinds or (self,)

    def kind_of(self, part: QueueStatistics) -> str:
        """The kind of one of the `parts`; empty for its own record."""
        return part.name.removeprefix(self.name).removeprefix(".")


class Queue(Protocol):
    """The owner of a queue. Registered once in a lab, it appears in `/health`, as first full and in the report.

    ``statistics(kind)`` has the counts and histograms of that kind of job alone, and the state of the whole queue;
    ``kinds()`` are the kinds of job seen so far, none if the queue does not tell jobs apart.
    """

    def statistics(self, kind: str | None = None) -> QueueStatistics: ...
    def kinds(self) -> list[str]: ...


class Undivided:
    """A queue that does not tell jobs apart: it has no kinds."""

    def kinds(self) -> list[str]:
        return []


def with_kinds(queue: Queue) -> QueueStatistics:
    """The record of a queue with that of each of its kinds."""
    found = queue.statistics()
    if found.kinds is not None:
        return found
    return replace(found, kinds=tuple(queue.statistics(kind) for kind in queue.kinds()))


def named_apart(queues: Iterable[QueueStatistics]) -> tuple[QueueStatistics, ...]:
    """A program may give two queues the same name. The second becomes ``name#2``."""
    found: dict[str, QueueStatistics] = {}
    for queue in queues:
        if queue.name in found:
            queue = _renamed(queue, next(name for n in count(2) if (name := f"{queue.name}#{n}") not in found))
        found[queue.name] = queue
    return tuple(found.values())


def _renamed(queue: QueueStatistics, name: str) -> QueueStatistics:
    kinds = queue.kinds and tuple(replace(kind, name=f"{name}.{queue.kind_of(kind)}") for kind in queue.kinds)
    return replace(queue, name=name, kinds=kinds)
