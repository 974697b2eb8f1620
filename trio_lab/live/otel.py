"""Spans and metrics for OpenTelemetry.

    from trio_lab.live.otel import Traced

    app = Traced(app)

Each request of the ASGI app is one span, with the parts of its ledger as attributes (see `measure.ledger`), and one value of
``http.server.request.duration``. Trio and asyncio keep the context in tasks and in their threads. A worker process gets it with
the job: ``await pool.run(in_trace(fn), *args)``.

Needs the extra `otel`. Which exporter is used is the program's choice; exporters have threads of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

from opentelemetry import context, metrics, propagate, trace
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider

from ..http.requests import Reply
from ..measure.latest import Latest
from ..measure.ledger import LEDGER, Ledger, clock
from ..records.summary import BOUNDS, Buckets
from .metrics.catalog import METRICS
from .metrics.metric import Metric, Seen
from .metrics.of_requests import METHOD, ROUTE, STATUS

T = TypeVar("T")
Scope = dict[str, Any]

_NAME = "trio_lab"
_FRESH = 0.2  # seconds: all instruments of one collection see the same figures
_DOTS = {
    "http_server_request_": "http.server.request.",
    "http_server_": "http.server.",
    "trio_lab_queue_": "trio_lab.queue.",
    "python_gc_": "cpython.gc.",
}
_ATTRIBUTES = {METHOD: "http.request.method", ROUTE: "http.route", STATUS: "http.response.status_code"}
_UNITS = {"_seconds": "s", "_bytes": "By", "_ratio": "1"}


def route_of(scope: Scope) -> str | None:
    """The template of the route, if the framework leaves it in the scope, as Starlette does."""
    return getattr(scope.get("route"), "path", None)


class Traced:
    """An ASGI app in front of another. ``route`` finds the template of a request's route when it has ended; a path is never
    taken for one."""

    def __init__(
        self,
        app: Any,
        *,
        route: Callable[[Scope], str | None] = route_of,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self.app = app
        self._route = route
        self._tracer = trace.get_tracer(_NAME, tracer_provider=tracer_provider)
        self._durations = metrics.get_meter(_NAME, meter_provider=meter_provider).create_histogram(
            "http.server.request.duration", unit="s", explicit_bucket_boundaries_advisory=BOUNDS
        )

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        reply, begun = Reply(send), perf_counter()
        caller = propagate.extract(
            {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        )
        told = {
            "http.request.method": scope["method"],
            "url.path": scope["path"],
            "url.scheme": scope.get("scheme", "http"),
        }
        with (
            self._tracer.start_as_current_span(
                scope["method"], context=caller, kind=SpanKind.SERVER, attributes=told
            ) as span,
            _booked(span),
        ):
            try:
                await self.app(scope, receive, reply.send)
            finally:
                self._end(span, scope, reply.status, perf_counter() - begun)

    def _end(self, span: Span, scope: Scope, status: int | None, seconds: float) -> None:
        attributes: dict[str, str | int] = {"http.request.method": scope["method"]}
        if (route := self._route(scope)) is not None:
            attributes["http.route"] = route
            span.update_name(f"{scope['method']} {route}")
        if status is not None:
            attributes["http.response.status_code"] = status
            if status >= 500:
                span.set_status(Status(StatusCode.ERROR))
        span.set_attributes(attributes)
        self._durations.record(seconds, attributes)


@contextmanager
def _booked(span: Span) -> Iterator[None]:
    """Keep a ledger within the block, and tell it as attributes. A server that keeps its own puts that in place of ours."""
    ours = Ledger("", now=clock(), around=LEDGER.get())
    before = LEDGER.set(ours)
    try:
        yield
    finally:
        ledger = LEDGER.get() or ours
        LEDGER.reset(before)
        ledger.close()
        span.set_attributes({f"trio_lab.ledger.{part}": seconds for part, seconds in ledger.parts.items()})


def in_trace(fn: Callable[..., T]) -> Callable[..., T]:
    """A function for a worker process, in which the current span is the same as here."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return partial(_run_in, carrier, fn)


def _run_in(carrier: dict[str, str], fn: Callable[..., T], *args: Any) -> T:
    token = context.attach(propagate.extract(carrier))
    try:
        return fn(*args)
    finally:
        context.detach(token)


def export_metrics(seen: Callable[[], Seen], meter_provider: MeterProvider | None = None) -> None:
    """Offer the metrics of `METRICS`, all but histograms, which instruments of OpenTelemetry take only value by value
    (`otel_histograms` exports those).

    ``seen`` is called when a reader collects, in the reader's thread. It must be safe there: the last figures that the loop has
    left are; reading a loop is not.
    """
    meter = metrics.get_meter(_NAME, meter_provider=meter_provider)
    latest = Latest(seen, period=_FRESH)
    for metric in METRICS:
        if metric.kind != "histogram":
            name, unit = name_of(metric, latest.read().health.runtime)
            make = meter.create_observable_counter if metric.kind == "counter" else meter.create_observable_gauge
            make(name, callbacks=[partial(_observations, metric, latest)], unit=unit, description=metric.says)


def _observations(metric: Metric, latest: Latest[Seen], _: CallbackOptions) -> Iterator[Observation]:
    for labels, value in metric.read(latest.read()):
        assert not isinstance(value, Buckets)
        yield Observation(value, attributes_of(metric, labels))


def attributes_of(metric: Metric, labels: tuple[str, ...]) -> dict[str, str]:
    """The labels of a sample, by OpenTelemetry's names."""
    return dict(zip((_ATTRIBUTES.get(label, label) for label in metric.labels), labels, strict=True))


def name_of(metric: Metric, runtime: str) -> tuple[str, str]:
    """OpenTelemetry has the unit beside the name, and dots between its parts."""
    name, unit = metric.name_of(runtime).removesuffix("_total"), "1"
    for ending, found in _UNITS.items():
        if name.endswith(ending):
            name, unit = name.removesuffix(ending), found
    dots = {**_DOTS, f"{runtime}_eventloop_": f"{runtime}.eventloop.", "process_": "process."}
    for prefix, dotted in dots.items():
        if name.startswith(prefix):
            return dotted + name.removeprefix(prefix), unit
    return name, unit
