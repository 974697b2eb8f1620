"""Metrics of the loop: passes, delays, the timer probe, stalls, tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ...records.health import Loop
from ...records.totals import Totals
from .metric import RUNTIME, Metric, Sample, Seen, counter, gauge

_LOOP = f"{RUNTIME}_eventloop"


def _of_window(figure: Callable[[Loop], float | None]) -> Callable[[Seen], float | None]:
    return lambda seen: figure(seen.health.loop)


def _in_seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1e3


def _with_totals(read: Callable[[Totals], Iterable[Sample]]) -> Callable[[Seen], Iterable[Sample]]:
    return lambda seen: () if seen.totals is None else read(seen.totals)


def _intervals(totals: Totals) -> Iterator[Sample]:
    if totals.intervals is not None:
        yield (), totals.intervals


def _time(totals: Totals) -> Iterator[Sample]:
    yield ("active",), totals.passes.total
    yield ("idle",), totals.waited


METRICS = (
    Metric(
        name=f"{_LOOP}_delay_seconds",
        kind="histogram",
        says="How late the loop comes to what becomes due, as if something did each millisecond.",
        read=_with_totals(lambda totals: [((), totals.delays)]),
    ),
    Metric(
        name=f"{_LOOP}_pass_seconds",
        kind="histogram",
        says="Busy time of each pass of the loop.",
        read=_with_totals(lambda totals: [((), totals.passes)]),
    ),
    Metric(
        name=f"{_LOOP}_timer_interval_seconds",
        kind="histogram",
        says="From one wake of a 20 ms timer to the next: what is above 20 ms is the delay.",
        read=_with_totals(_intervals),
    ),
    Metric(
        name=f"{_LOOP}_time_seconds_total",
        kind="counter",
        says="Time that the loop ran tasks (active) and waited for I/O (idle).",
        labels=("state",),
        read=_with_totals(_time),
    ),
    gauge(
        f"{_LOOP}_delay_p99_seconds",
        "How late the loop comes to what is due, at 99 % of all moments of the window of /health.",
        _of_window(lambda loop: loop.delay_p99),
    ),
    gauge(
        f"{_LOOP}_pass_mean_seconds",
        "Mean busy time of a pass in the window of /health.",
        _of_window(lambda loop: loop.mean),
    ),
    gauge(
        f"{_LOOP}_pass_p50_seconds",
        "Median busy time of a pass in the window of /health.",
        _of_window(lambda loop: loop.p50),
    ),
    gauge(
        f"{_LOOP}_pass_p99_seconds",
        "99th percentile of the busy time of a pass in the window of /health.",
        _of_window(lambda loop: loop.p99),
    ),
    gauge(
        f"{_LOOP}_pass_max_seconds",
        "Longest pass in the window of /health.",
        _of_window(lambda loop: loop.max),
    ),
    gauge(
        f"{_LOOP}_timer_mean_seconds",
        "Mean interval of the 20 ms timer in the window of /health, in whole milliseconds.",
        lambda seen: _in_seconds(seen.health.event_loop_mean_ms),
    ),
    gauge(
        f"{_LOOP}_timer_max_seconds",
        "Longest interval of the 20 ms timer in the window of /health, in whole milliseconds.",
        lambda seen: _in_seconds(seen.health.event_loop_max_ms),
    ),
    gauge(
        f"{_LOOP}_utilization_ratio",
        "Share of the window of /health in which the loop did not wait for I/O.",
        _of_window(lambda loop: loop.utilization),
    ),
    gauge(
        f"{_LOOP}_blind",
        "1 if not every pass is seen, so that the figures of the loop cannot be trusted.",
        _of_window(lambda loop: float(loop.blind is not None)),
    ),
    gauge(
        f"{_LOOP}_tasks",
        "Tasks that live on the loop.",
        lambda seen: None if seen.totals is None else seen.totals.tasks,
    ),
    Metric(
        name=f"{_LOOP}_stalls_total",
        kind="counter",
        says="Passes that took longer than their budget.",
        labels=("cause",),
        read=_with_totals(lambda totals: [((one.cause,), one.count) for one in totals.stalls]),
    ),
    Metric(
        name=f"{_LOOP}_stalled_seconds_total",
        kind="counter",
        says="Time of the passes that took longer than their budget.",
        labels=("cause",),
        read=_with_totals(lambda totals: [((one.cause,), one.total) for one in totals.stalls]),
    ),
    counter(
        f"{_LOOP}_cpu_seconds_total",
        "CPU time of the loop's thread.",
        lambda seen: None if seen.health.usage is None else seen.health.usage.loop_cpu,
    ),
    counter(
        f"{_LOOP}_run_delay_seconds_total",
        "Time in which the loop's thread could run and had no CPU.",
        lambda seen: None if seen.health.usage is None else seen.health.usage.loop_run_delay,
    ),
)
