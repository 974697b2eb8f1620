"""Unit: spans and metrics, through OpenTelemetry's own SDK and its exporter into memory."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest
import trio
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    InMemoryMetricReader,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from trio_lab.asgi import label_requests
from trio_lab.asgi.labels import LabelledApp
from trio_lab.live.metrics.metric import Seen
from trio_lab.live.open_live import open_live
from trio_lab.live.otel import Traced, export_metrics, in_trace
from trio_lab.live.otel_histograms import WithHistograms
from trio_lab.loop.observe import observe
from trio_lab.measure.ledger import QUEUE, booked
from trio_lab.pools.native import open_native_pool
from trio_lab.pools.workers import open_worker_pool
from trio_lab.records.summary import BOUNDS

from .seen import PASSES, seen

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE = 0x0AF7651916CD43DD8448EB211C80319C


class Telemetry:
    def __init__(self) -> None:
        self.spans, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers, self.meters = TracerProvider(), MeterProvider(metric_readers=[self.reader])
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans))

    def traced(self, app: Any, **more: Any) -> Traced:
        return Traced(app, tracer_provider=self.tracers, meter_provider=self.meters, **more)

    def span(self) -> ReadableSpan:
        [found] = self.spans.get_finished_spans()
        return found

    def metrics(self) -> dict[str, Any]:
        data = self.reader.get_metrics_data()
        assert data is not None
        return {
            one.name: one for part in data.resource_metrics for scope in part.scope_metrics for one in scope.metrics
        }


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


def scope(**more: Any) -> dict[str, Any]:
    return {"type": "http", "method": "GET", "path": "/hash", "scheme": "http", "headers": [], **more}


async def ask(app: Any, **more: Any) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope(**more), None, send)
    return sent


def answering(status: int, work: Callable[[], Any] | None = None) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if work is not None:
            await work()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    return app


async def test_a_request_is_one_span_of_its_callers_trace(telemetry: Telemetry) -> None:
    app = telemetry.traced(answering(200), route=lambda _: "/hash")
    sent = await ask(app, headers=[(b"traceparent", CALLER.encode())])
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    span = telemetry.span()
    assert (span.name, span.kind, span.context.trace_id) == ("GET /hash", trace.SpanKind.SERVER, TRACE)
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["http.route"] == "/hash"
    [point] = telemetry.metrics()["http.server.request.duration"].data.data_points
    assert (point.count, point.attributes["http.route"]) == (1, "/hash")


async def test_the_parts_of_the_ledger_are_attributes(
    telemetry: Telemetry, autojump_clock: trio.testing.MockClock
) -> None:
    turn = trio.Lock()

    async def work() -> None:
        with booked(QUEUE):
            await turn.acquire()
        await trio.sleep(1)
        turn.release()

    app = telemetry.traced(answering(200, work))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, app)
        nursery.start_soon(ask, app)
    waits = sorted(span.attributes.get("trio_lab.ledger.queue", 0.0) for span in telemetry.spans.get_finished_spans())
    assert waits == [0.0, 1.0]
    assert all(span.attributes["trio_lab.ledger.loop"] == 1.0 for span in telemetry.spans.get_finished_spans())


@pytest.mark.parametrize("outside", [Traced, LabelledApp])
async def test_labels_and_spans_have_the_same_parts_whichever_is_outside(
    telemetry: Telemetry, autojump_clock: trio.testing.MockClock, outside: type
) -> None:
    async def work() -> None:
        with booked(QUEUE):
            await trio.sleep(2)
        await trio.sleep(1)

    if outside is Traced:
        labelled = label_requests(answering(200, work), template=lambda _: "/hash")
        app: Any = telemetry.traced(labelled)
    else:
        app = labelled = label_requests(telemetry.traced(answering(200, work)), template=lambda _: "/hash")
    await ask(app)
    assert telemetry.span().attributes["trio_lab.ledger.queue"] == 2.0
    [route] = labelled.ledgers.read(reset=False)
    assert route.parts[QUEUE].mean == 2.0
    assert route.total.mean == 3.0


@pytest.mark.parametrize(
    ("status", "code"), [(200, trace.StatusCode.UNSET), (404, trace.StatusCode.UNSET), (500, trace.StatusCode.ERROR)]
)
async def test_a_status_of_the_servers_fault_is_an_error(
    telemetry: Telemetry, status: int, code: trace.StatusCode
) -> None:
    await ask(telemetry.traced(answering(status)))
    assert telemetry.span().status.status_code is code
    assert telemetry.span().name == "GET"  # a path is no route


async def test_an_error_of_the_app_is_kept_and_goes_on(telemetry: Telemetry) -> None:
    async def fails() -> None:
        raise ValueError("planted")

    with pytest.raises(ValueError, match="planted"):
        await ask(telemetry.traced(answering(200, fails)))
    assert telemetry.span().events[0].attributes["exception.message"] == "planted"


def trace_here() -> int:
    return trace.get_current_span().get_span_context().trace_id


async def test_threads_and_workers_have_the_context_of_the_request(telemetry: Telemetry) -> None:
    found: list[int] = []

    async def work() -> None:
        found.append(await trio.to_thread.run_sync(trace_here))
        found.append(await threads.run(trace_here, kind="trace"))
        found.append(await pool.run(in_trace(trace_here), kind="trace"))
        found.append(await pool.run(trace_here))

    async with open_worker_pool(size=1) as pool, open_native_pool(size=1) as threads:
        await ask(telemetry.traced(answering(200, work)), headers=[(b"traceparent", CALLER.encode())])
    assert found == [TRACE, TRACE, TRACE, 0]


def test_on_asyncio_tasks_and_threads_have_the_context_of_the_request(telemetry: Telemetry) -> None:
    found: list[int] = []

    async def work() -> None:
        async def trace_in_task() -> int:
            return trace_here()

        found.append(await asyncio.create_task(trace_in_task()))
        found.append(await asyncio.to_thread(trace_here))

    app = telemetry.traced(answering(200, work))
    asyncio.run(ask(app, headers=[(b"traceparent", CALLER.encode())]))
    assert found == [TRACE, TRACE]


async def test_other_scopes_pass_through(telemetry: Telemetry) -> None:
    seen_scopes = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen_scopes.append(scope["type"])

    await telemetry.traced(app)({"type": "lifespan"}, None, None)
    assert (seen_scopes, telemetry.spans.get_finished_spans()) == (["lifespan"], ())


def test_gauges_and_counters_are_read_when_they_are_collected(telemetry: Telemetry) -> None:
    export_metrics(seen, telemetry.meters)
    found = telemetry.metrics()
    assert [point.value for point in found["trio.eventloop.tasks"].data.data_points] == [42]
    waiting = {point.attributes["queue"]: point.value for point in found["trio_lab.queue.waiting"].data.data_points}
    assert waiting == {"accept_backlog": 0, "native_pool": 16}
    assert found["trio.eventloop.time"].unit == "s"
    routes = {point.attributes["http.route"] for point in found["http.server.requests"].data.data_points}
    assert routes == {"/hash", "/health"}


async def test_a_program_that_is_seen_live_hands_out_its_figures(telemetry: Telemetry) -> None:
    async with observe() as watch, open_live(watch, port=0) as live:
        export_metrics(live.seen, telemetry.meters)
        found = await trio.to_thread.run_sync(telemetry.metrics)  # as a reader's thread does
        [limiter] = [
            point.value
            for point in found["trio_lab.queue.capacity"].data.data_points
            if point.attributes["queue"] == "default_limiter"
        ]
        assert limiter == trio.to_thread.current_default_thread_limiter().total_tokens
        assert "trio.eventloop.pass" in exported(live.seen)
        last = live.seen()
    assert live.seen() == last  # a reader collects once more when the program ends


class Kept(MetricExporter):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.data: list[MetricsData] = []

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **options: Any) -> MetricExportResult:
        self.data.append(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **options: Any) -> None:
        pass


def exported(seen: Callable[[], Seen], *instruments: str) -> dict[str, Any]:
    """What is exported of a service and of these instruments, by name."""
    kept = Kept()
    reader = PeriodicExportingMetricReader(WithHistograms(kept, seen), export_interval_millis=math.inf)
    provider = MeterProvider(metric_readers=[reader])
    for name in ("requests", *instruments):
        provider.get_meter("of the program").create_histogram(name).record(0.5)
    provider.force_flush()
    provider.shutdown()
    [resource] = kept.data[0].resource_metrics
    return {metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics}


def test_histograms_are_exported_with_the_buckets_of_metrics() -> None:
    found, told = exported(seen), seen().totals
    assert told is not None
    [point] = found["trio.eventloop.pass"].data.data_points
    assert (point.bucket_counts, point.count, point.sum) == (told.passes.counts, told.passes.count, told.passes.total)
    assert (point.explicit_bounds, found["trio.eventloop.pass"].unit) == (BOUNDS, "s")
    assert point.min <= min(PASSES) <= max(PASSES) <= point.max
    assert point.time_unix_nano - point.start_time_unix_nano == 10 * 10**9  # as long as it is watched
    routes = {one.attributes["http.route"]: one.count for one in found["http.server.request.duration"].data.data_points}
    assert routes == {"/hash": 7, "/health": 1}
    waits = {tuple(one.attributes.values()): one.count for one in found["trio_lab.queue.wait"].data.data_points}
    assert waits[("native_pool", "hash")] == 4
    assert "requests" in found


def test_a_histogram_of_the_program_is_not_told_twice() -> None:
    [point] = exported(seen, "http.server.request.duration")["http.server.request.duration"].data.data_points
    assert point.count == 1
