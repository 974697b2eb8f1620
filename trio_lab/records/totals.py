"""What a service has counted since it began, beside its health. None of it is ever reset, so any number of readers can share
it: `/metrics` is made from these records and `Health`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from .codec import In
from .summary import Buckets

MONITORED = ("/health", "/healthz", "/livez", "/readyz", "/metrics")
"""Paths that monitors ask for, and no user. A service that does not answer them in time is restarted, which helps nobody."""

Exact = Annotated[float, In(suffix="_s")]
"""Seconds, not rounded: two readings are subtracted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueTimes:
    """Waits and services of one kind of caller of a queue. ``kind`` is empty where the queue does not tell callers apart.
    None: not observed."""

    queue: str
    kind: str
    wait: Buckets | None = None
    service: Buckets | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTotals:
    """The requests of one route that have ended. ``statuses`` counts replies by status, ``left`` the requests whose client
    left before there was one. ``route`` is a template, never a path."""

    method: str
    route: str
    statuses: dict[str, int]
    left: int
    duration: Buckets


@dataclass(frozen=True, slots=True, kw_only=True)
class StallTotals:
    """All stalls of one cause."""

    cause: str
    count: int
    total: Exact


@dataclass(frozen=True, slots=True, kw_only=True)
class GarbageTotals:
    """One generation of the collector of cyclic garbage."""

    collections: int
    collected: int
    uncollectable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """``passes`` are all passes of the loop, ``delays`` how late it came to what became due (`Histogram.delays`), ``waited`` is
    the time that it waited for I/O. ``intervals`` are those between wakes of the timer probe, None if there is none. ``active``
    requests have begun and not ended; None where requests are not counted. ``tasks`` live now."""

    passes: Buckets
    delays: Buckets
    waited: Exact
    intervals: Buckets | None = None
    queues: tuple[QueueTimes, ...] = ()
    routes: tuple[RouteTotals, ...] = ()
    active: int | None = None
    stalls: tuple[StallTotals, ...] = ()
    garbage: tuple[GarbageTotals, ...] = ()
    tasks: int | None = None
