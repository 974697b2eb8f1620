"""One exposition for all processes of a service.

What is counted is added up, over the processes that live and those that have ended, so that a counter never falls. A gauge has
one sample for each process that serves, with the label ``process``, its number: there are no more values than processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ...records.processes import Counted
from ...records.summary import Buckets
from .catalog import METRICS
from .metric import Metric, Sample, Seen, Value

PROCESS = "process"


class Counts:
    """Counters and histograms by metric and labels."""

    def __init__(self, counted: Iterable[Counted] = ()) -> None:
        self._values: dict[str, dict[tuple[str, ...], Value]] = {}
        for one in counted:
            value = one.buckets if one.buckets is not None else one.value or 0.0
            self._values.setdefault(one.metric, {})[one.labels] = value

    def add(self, seen: Seen) -> None:
        """Everything that a process has counted."""
        for metric in METRICS:
            if metric.kind != "gauge":
                self.add_samples(metric, metric.read(seen))

    def add_samples(self, metric: Metric, samples: Iterable[Sample]) -> None:
        values = self._values.setdefault(metric.name, {})
        for labels, value in samples:
            values[labels] = _sum(values[labels], value) if labels in values else value

    def of(self, metric: Metric) -> list[Sample]:
        return list(self._values.get(metric.name, {}).items())

    def counted(self) -> tuple[Counted, ...]:
        """The same as records."""
        return tuple(
            Counted(metric=name, labels=labels, buckets=value)
            if isinstance(value, Buckets)
            else Counted(metric=name, labels=labels, value=float(value))
            for name, values in self._values.items()
            for labels, value in values.items()
        )


def _sum(one: Value, other: Value) -> Value:
    if isinstance(one, Buckets) and isinstance(other, Buckets):
        counts = tuple(a + b for a, b in zip(one.counts, other.counts, strict=True))
        return Buckets(counts=counts, total=one.total + other.total)
    assert not isinstance(one, Buckets)
    assert not isinstance(other, Buckets)
    return one + other


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """``serving`` are the processes that serve, by number; ``others`` are starting or ending, and only what they count is told.
    ``ended`` is what those had counted that have ended. ``own`` are samples of metrics that the service tells as a whole."""

    runtime: str
    serving: Mapping[int, Seen]
    others: tuple[Seen, ...] = ()
    ended: tuple[Counted, ...] = ()
    own: Mapping[str, float] = field(default_factory=dict)

    def labels(self, metric: Metric) -> tuple[str, ...]:
        return (*metric.labels, PROCESS) if metric.kind == "gauge" and metric.name not in self.own else metric.labels

    def samples(self, metric: Metric) -> list[Sample]:
        if metric.name in self.own:
            return [((), self.own[metric.name])]
        if metric.kind == "gauge":
            return [
                ((*labels, str(number)), value)
                for number, seen in sorted(self.serving.items())
                for labels, value in metric.read(seen)
            ]
        counts = Counts(one for one in self.ended if one.metric == metric.name)
        for seen in (*self.serving.values(), *self.others):
            counts.add_samples(metric, metric.read(seen))
        return counts.of(metric)
