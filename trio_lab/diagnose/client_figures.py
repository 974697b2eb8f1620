"""What the clients of a load saw, as estimates: the figures of `FIGURES` whose side is the client's.

Latencies, and their quantiles, count the requests without a reply with the time that they had waited; the shares are of
all requests that were due, so those that were never sent count as well. The rates are of what ended within the duration.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from ..measure.histogram import Histogram
from ..records.load import Latencies, LoadResult, Row
from ..records.slo import FIGURES, Estimate
from .interval import Interval
from .one_run import enough, quantile_interval, ratio_interval, share_interval

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99_9": 0.999}


def client_figures(result: LoadResult, slices: Sequence[Histogram]) -> tuple[Estimate, ...]:
    """The estimates of one load; ``slices`` has its latencies in order of time. ``served`` is one of a steady rate."""
    rows = [row for row in result.series if row.start < result.duration]
    widths = _widths(rows, result.duration)
    found = [_quantile(name, share, result.latency, slices) for name, share in _QUANTILES.items()]
    longest = _known(result.latency.max * 1e3)
    found.append(_estimate("max", longest, None if longest is None else (longest, longest)))
    found += [_share(name, result) for name in ("ok", "shed", "timed_out", "errors")]
    # The rows count replies with another status among the errors. Errors without a reply are then part of the spread of the
    # throughput, too.
    ended = [row.ok + row.shed + row.errors for row in rows]
    ok = [row.ok for row in rows]
    found.append(_rate("throughput", result.throughput, ended, widths))
    found.append(_rate("goodput", result.goodput, ok, widths))
    if result.offered and not result.stages:
        half = len(rows) // 2
        found.append(_served(result.offered, ok[half:], widths[half:]))
    return tuple(found)


def _widths(rows: Sequence[Row], duration: float) -> list[float]:
    return [end - start for start, end in pairwise([*(row.start for row in rows), duration])]


def _quantile(name: str, share: float, latency: Latencies, slices: Sequence[Histogram]) -> Estimate:
    measured = _known(getattr(latency, name) * 1e3)
    interval = quantile_interval(slices, share)
    count, needed, note = sum(one.count for one in slices), enough(share), ""
    if interval and interval[1] == math.inf:
        note = f"{count:,} requests are too few, it takes at least {needed:,}"
    return _estimate(name, measured, interval and (interval[0] * 1e3, interval[1] * 1e3), note)


def _share(name: str, result: LoadResult) -> Estimate:
    counts = result.requests
    due = counts.sent + counts.dropped
    if not due:
        return _estimate(name, None, None)
    measured, sent = getattr(counts, name) / due, counts.sent / due
    rows = [row for row in result.series if row.ok + row.shed + row.timed_out + row.errors]
    interval = share_interval([getattr(row, name) for row in rows], [_ended(row) for row in rows])
    if interval:  # those that were never sent are in no row, and none of the shares has them
        interval = min(interval[0] * sent, measured), max(interval[1] * sent, measured)
    return _estimate(name, measured * 100, interval and (interval[0] * 100, interval[1] * 100))


def _ended(row: Row) -> int:
    return row.ok + row.shed + row.timed_out + row.errors


def _rate(name: str, measured: float, parts: Sequence[float], seconds: Sequence[float]) -> Estimate:
    interval = ratio_interval(parts, seconds)
    if interval:
        half = (interval[1] - interval[0]) / 2
        interval = max(0.0, measured - half), measured + half
    return _estimate(name, measured, interval)


def _served(offered: float, ok: Sequence[float], seconds: Sequence[float]) -> Estimate:
    if not sum(seconds):
        return _estimate("served", None, None)
    interval = ratio_interval(ok, [offered * width for width in seconds])
    measured = sum(ok) / sum(seconds) / offered
    return _estimate("served", measured * 100, interval and (interval[0] * 100, interval[1] * 100))


def _estimate(name: str, measured: float | None, interval: Interval | None, note: str = "") -> Estimate:
    low, high = interval if interval and measured is not None else (None, None)
    return Estimate(figure=name, unit=FIGURES[name].unit, measured=measured, low=low, high=high, note=note)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
