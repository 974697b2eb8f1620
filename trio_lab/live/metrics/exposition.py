"""Metrics in the text formats of Prometheus and OpenMetrics, by prometheus-client, with a registry of our own.

The collector reads the service when it is scraped; between scrapes nothing is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from ...errors import UsageError
from ...records.summary import BOUNDS, Buckets
from .catalog import METRICS
from .metric import Metric, Sample

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client import Metric as Family

_LE = (*map(repr, BOUNDS), "+Inf")
NEEDED = "metrics need prometheus-client: pip install 'trio-lab[metrics]'"


class Told(Protocol):
    """What a service has told: `Seen` of one process, `Combined` of several."""

    @property
    def runtime(self) -> str: ...
    def labels(self, metric: Metric, /) -> tuple[str, ...]: ...
    def samples(self, metric: Metric, /) -> Iterable[Sample]: ...


def exposition(seen: Callable[[], Told], accept: str = "") -> tuple[bytes, str]:
    """The metrics of what the service says now, and their content type: OpenMetrics if the header ``accept`` asks for it.

    Raises:
        UsageError: prometheus-client is not installed; the text is one line that says how to install it.
    """
    try:
        from prometheus_client.exposition import choose_encoder
    except ImportError:
        raise UsageError(NEEDED) from None
    encode, content_type = choose_encoder(accept)
    return encode(registry(seen)), content_type


def registry(seen: Callable[[], Told]) -> CollectorRegistry:
    """A registry with the metrics alone, for programs that have an exposition of their own. Raises as `exposition`."""
    try:
        from prometheus_client import CollectorRegistry
    except ImportError:
        raise UsageError(NEEDED) from None
    own = CollectorRegistry(auto_describe=False)
    own.register(_Collector(seen))
    return own


class _Collector:
    def __init__(self, seen: Callable[[], Told]) -> None:
        self._seen = seen

    def describe(self) -> list[Family]:
        """Nothing: to describe itself it would have to read the service."""
        return []

    def collect(self) -> Iterator[Family]:
        seen = self._seen()
        for metric in METRICS:
            if samples := list(seen.samples(metric)):
                yield _family(metric, seen.labels(metric), seen.runtime, samples)


def _family(metric: Metric, names: tuple[str, ...], runtime: str, samples: list[Sample]) -> Family:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    name = metric.name_of(runtime)
    if metric.kind == "histogram":
        found = HistogramMetricFamily(name, metric.says, labels=names)
        for labels, value in samples:
            assert isinstance(value, Buckets)
            found.add_metric(labels, [*zip(_LE, accumulate(value.counts), strict=True)], value.total)
        return found
    family = (CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily)(name, metric.says, labels=names)
    for labels, value in samples:
        assert not isinstance(value, Buckets)
        family.add_metric(labels, value)
    return family
