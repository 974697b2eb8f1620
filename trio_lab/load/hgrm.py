"""A histogram as text in the form that HdrHistogram's tools write and plot (``.hgrm``), values in milliseconds.

A line gives the value that a share of all values does not exceed, and how many those are. From line to line the share gets
closer to 1, and every five lines halve what is left, so the tail is as detailed as the middle. Values are those of our own
quantiles, the middle of a bucket; the last one is the maximum itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count

from trio_lab.measure.histogram import PARTS_OF_OCTAVE, Histogram
from trio_lab.measure.percentile import rank

_LINES_TO_A_HALVING = 5
_HEAD = f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} {'1/(1-Percentile)':>14}"


def as_hgrm(histogram: Histogram) -> str:
    """The whole text. A histogram without values has no lines between the first and the last ones."""
    steps = [(value * 1e3, up_to) for value, up_to in histogram.cumulative()]
    return "\n".join([_HEAD, "", *_lines(steps, histogram.max * 1e3), *_footer(histogram, steps), ""])


def _lines(steps: list[tuple[float, int]], longest: float) -> Iterator[str]:
    shares = _shares()
    share = next(shares)
    for value, up_to in steps:
        total = steps[-1][1]
        while up_to >= rank(total, share):
            yield f"{value:12.3f} {share:14.12f} {up_to:10d} {1 / (1 - share):14.2f}"
            share = next(shares)
            if up_to == total:
                yield f"{longest:12.3f} {1:14.12f} {up_to:10d}"
                return


def _shares() -> Iterator[float]:
    """0, 0.1, … 0.4, 0.5, 0.55, …: never quite 1."""
    for halvings in count():
        for line in range(_LINES_TO_A_HALVING):
            yield 1 - 2.0**-halvings * (1 - line / (2 * _LINES_TO_A_HALVING))


def _footer(histogram: Histogram, steps: list[tuple[float, int]]) -> list[str]:
    mean, total, before, squares = histogram.mean * 1e3, histogram.count, 0, 0.0
    for value, up_to in steps:
        squares += (up_to - before) * (value - mean) ** 2
        before = up_to
    deviation = math.sqrt(squares / total) if total else 0.0
    return [
        f"#[Mean    = {mean:12.3f}, StdDeviation   = {deviation:12.3f}]",
        f"#[Max     = {histogram.max * 1e3:12.3f}, Total count    = {total:12d}]",
        f"#[Buckets = {len(steps):12d}, SubBuckets     = {PARTS_OF_OCTAVE:12d}]",
    ]
