"""A metric: its declaration, and its samples as they are read from what a service has told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from ...records.health import Health
from ...records.summary import Buckets
from ...records.totals import Totals

Kind = Literal["gauge", "counter", "histogram"]

RUNTIME = "{runtime}"
"""Stands in names for the runtime of the service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a service has told at one moment. ``totals`` is None where only its health is known. ``serving`` and ``restarts``
    are those of its processes, None if it has one."""

    health: Health
    totals: Totals | None = None
    serving: int | None = None
    restarts: int | None = None

    @property
    def runtime(self) -> str:
        return self.health.runtime

    def labels(self, metric: Metric) -> tuple[str, ...]:
        return metric.labels

    def samples(self, metric: Metric) -> Iterable[Sample]:
        return metric.read(self)


Value = float | Buckets
Sample = tuple[tuple[str, ...], Value]
"""The values of the labels, and the value: `Buckets` for a histogram."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """``says`` is its help text, in one sentence. ``read`` yields no sample for what was not observed."""

    name: str
    kind: Kind
    says: str
    labels: tuple[str, ...] = ()
    read: Callable[[Seen], Iterable[Sample]]

    def name_of(self, runtime: str) -> str:
        return self.name.replace(RUNTIME, runtime)


def gauge(name: str, says: str, value: Callable[[Seen], float | None]) -> Metric:
    """A gauge without labels; None where it is not observed."""
    return Metric(name=name, kind="gauge", says=says, read=_single(value))


def counter(name: str, says: str, value: Callable[[Seen], float | None]) -> Metric:
    """A counter without labels; None where it is not observed."""
    return Metric(name=name, kind="counter", says=says, read=_single(value))


def _single(value: Callable[[Seen], float | None]) -> Callable[[Seen], Iterable[Sample]]:
    def read(seen: Seen) -> Iterator[Sample]:
        found = value(seen)
        if found is not None:
            yield (), found

    return read
