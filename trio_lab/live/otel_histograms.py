"""Histograms for OpenTelemetry: passes and delays of the loop, requests, waits and services of queues, with their real buckets.

    exporter = WithHistograms(OTLPMetricExporter(), seen)
    provider = MeterProvider(metric_readers=[PeriodicExportingMetricReader(exporter)])

An instrument of OpenTelemetry takes a histogram value by value, and passes come by the ten thousand a second. So these are put
into what is exported, as data points: counts since the service was watched, in the buckets of `/metrics`. OpenTelemetry exports
nothing for a program without instruments, so there must be at least one, such as those of `export_metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from time import time_ns

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.metrics.export import Metric as Exported

from ..records.summary import BOUNDS, Buckets
from .metrics.catalog import METRICS
from .metrics.metric import Metric, Seen
from .otel import attributes_of, name_of


class WithHistograms(MetricExporter):
    """Another exporter, which gets the histograms of `METRICS` as well, in the first scope of each resource. One whose name is
    there already, as the durations of `Traced` are, is left out.

    ``seen`` is called in the reader's thread, as that of `export_metrics` is.
    """

    def __init__(self, exporter: MetricExporter, seen: Callable[[], Seen]) -> None:
        # The SDK reads these two of the exporter that it is given.
        super().__init__(exporter._preferred_temporality, exporter._preferred_aggregation)
        self._exporter, self._seen = exporter, seen
        self._began = time_ns()

    # The base class has these keywords, and the SDK's reader calls `shutdown` with one that has no parameter.
    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object) -> MetricExportResult:
        seen, now = self._seen(), time_ns()
        if seen.health.usage is not None:
            self._began = min(self._began, now - int(seen.health.usage.elapsed * 1e9))
        resources = [self._with_histograms(one, seen, now) for one in metrics_data.resource_metrics]
        return self._exporter.export(MetricsData(resources), timeout_millis, **kwargs)

    def _with_histograms(self, resource: ResourceMetrics, seen: Seen, now: int) -> ResourceMetrics:
        known = {metric.name for scope in resource.scope_metrics for metric in scope.metrics}
        found = [metric for metric in self._histograms(seen, now) if metric.name not in known]
        first, *others = resource.scope_metrics
        return replace(resource, scope_metrics=[_with(first, found), *others])

    def _histograms(self, seen: Seen, now: int) -> Iterator[Exported]:
        for metric in METRICS:
            if metric.kind == "histogram" and (points := [*self._points(metric, seen, now)]):
                name, unit = name_of(metric, seen.health.runtime)
                data = Histogram(data_points=points, aggregation_temporality=AggregationTemporality.CUMULATIVE)
                yield Exported(name=name, description=metric.says, unit=unit, data=data)

    def _points(self, metric: Metric, seen: Seen, now: int) -> Iterator[HistogramDataPoint]:
        for labels, value in metric.read(seen):
            assert isinstance(value, Buckets)
            least, most = _ends(value)
            yield HistogramDataPoint(
                attributes=attributes_of(metric, labels),
                start_time_unix_nano=self._began,
                time_unix_nano=now,
                count=value.count,
                sum=value.total,
                bucket_counts=value.counts,
                explicit_bounds=BOUNDS,
                min=least,
                max=most,
            )

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        self._exporter.shutdown(timeout_millis, **kwargs)


def _with(scope: ScopeMetrics, more: list[Exported]) -> ScopeMetrics:
    return replace(scope, metrics=[*scope.metrics, *more])


def _ends(buckets: Buckets) -> tuple[float, float]:
    """The lower bound of the first bucket that is not empty, and the upper one of the last: the values are not kept. What is
    above all bounds counts as the last bound."""
    filled = [number for number, count in enumerate(buckets.counts) if count]
    if not filled:
        return 0.0, 0.0
    bounds = (0.0, *BOUNDS, BOUNDS[-1])
    return bounds[filled[0]], bounds[filled[-1] + 1]
