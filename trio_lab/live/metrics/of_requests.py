"""Metrics of requests by route, as OpenTelemetry names them. Routes are templates, never paths."""

from __future__ import annotations

from collections.abc import Iterator

from .metric import Metric, Sample, Seen, gauge

METHOD, ROUTE, STATUS, OUTCOME = "http_request_method", "http_route", "http_response_status_code", "outcome"
OK, CLIENT, SHED, TIMED_OUT, ERROR, LEFT = "ok", "client_error", "shed", "timed_out", "error", "left"
_SHED, _TIMED_OUT = ("429", "503"), ("408", "504")


def outcome_of(status: str) -> str:
    """What a status means: the request was served, was wrong, was refused so that others are served, took too long, or
    failed."""
    if status in _SHED:
        return SHED
    if status in _TIMED_OUT:
        return TIMED_OUT
    return ERROR if status >= "500" else CLIENT if status >= "400" else OK


def _counts(seen: Seen) -> Iterator[Sample]:
    for route in () if seen.totals is None else seen.totals.routes:
        for status, count in route.statuses.items():
            yield (route.method, route.route, status, outcome_of(status)), count
        if route.left:
            yield (route.method, route.route, "", LEFT), route.left


def _durations(seen: Seen) -> Iterator[Sample]:
    for route in () if seen.totals is None else seen.totals.routes:
        yield (route.method, route.route), route.duration


METRICS = (
    Metric(
        name="http_server_requests_total",
        kind="counter",
        says="Requests that have ended, by status; outcome is ok, client_error, shed, timed_out, error, or left for a client"
        " that left before its reply.",
        labels=(METHOD, ROUTE, STATUS, OUTCOME),
        read=_counts,
    ),
    Metric(
        name="http_server_request_duration_seconds",
        kind="histogram",
        says="From the call of the app, or from when the request was held, until the whole reply was handed over.",
        labels=(METHOD, ROUTE),
        read=_durations,
    ),
    gauge(
        "http_server_active_requests",
        "Requests that have begun and not ended.",
        lambda seen: None if seen.totals is None else seen.totals.active,
    ),
)
