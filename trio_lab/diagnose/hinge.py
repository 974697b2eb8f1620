"""Where a line bends: fits by exact search, because each is in closed form once it is known which points lie where.

Points are (x, y). `ceiling` fits y = min(x, c): what came out of a service against what went in. `onset` fits
y = slope × max(0, x − o): how fast a queue grew at each load. `knee` fits y = min(slope × x, c): what a pool of each size did.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

Point = tuple[float, float]

_NO_LONGER = 0.9  # of what the line through the smaller sizes would reach; more may be noise
_NOISE = 0.02  # of the load: growth that is less is not told from the noise of counting


def ceiling(points: Sequence[Point]) -> float | None:
    """The c that fits y = min(x, c) best; None if no point lies below the line y = x by more than its noise."""
    ordered = sorted(points)
    best, found = _squares(ordered), None
    for split in range(len(ordered)):
        height = fmean(y for _, y in ordered[split:])
        if height >= ordered[split][0]:
            continue  # the first point above the bend would lie below it
        error = _squares(ordered[:split]) + sum((y - height) ** 2 for _, y in ordered[split:])
        if error < best:
            best, found = error, height
    return found


def onset(points: Sequence[Point]) -> float | None:
    """The load from which on y grows: the o that fits y = slope × max(0, x − o) best; None if y does not grow.

    Two points above the bend fix a line; with a single one the slope is taken to be 1: the queue keeps everything that is
    too much.
    """
    ordered = sorted(points)
    best, found = sum(y * y for _, y in ordered), None
    for split in range(len(ordered)):
        flat, rising = ordered[:split], ordered[split:]
        at, slope = _line(rising)
        lowest = flat[-1][0] if flat else 0.0
        if slope <= 0 or not lowest - _NOISE * abs(rising[0][0]) <= at < rising[0][0]:
            continue
        at = max(at, lowest)
        error = sum(y * y for _, y in flat) + sum((y - slope * (x - at)) ** 2 for x, y in rising)
        if error < best:
            best, found = error, at
    top, grew = ordered[-1] if ordered else (0.0, 0.0)
    return found if grew > _NOISE * top else None


def knee(points: Sequence[Point]) -> float | None:
    """The x at which y = min(slope × x, c) bends, for the best fit; None if y still rises at the largest x."""
    ordered = sorted(points)
    best, found = float("inf"), None
    for split in range(1, len(ordered)):
        rising, flat = ordered[:split], ordered[split:]
        slope, height = _through_zero(rising), fmean(y for _, y in flat)
        if slope <= 0 or height >= _NO_LONGER * slope * flat[-1][0]:
            continue
        at = min(max(height / slope, rising[-1][0]), flat[0][0])
        error = sum((y - min(slope * x, height)) ** 2 for x, y in ordered)
        if error < best:
            best, found = error, at
    return found if best < sum((y - _through_zero(ordered) * x) ** 2 for x, y in ordered) else None


def _through_zero(points: Sequence[Point]) -> float:
    """The slope of the line through zero and the points."""
    return sum(x * y for x, y in points) / sum(x * x for x, _ in points)


def _squares(points: Sequence[Point]) -> float:
    return sum((y - x) ** 2 for x, y in points)


def _line(points: Sequence[Point]) -> tuple[float, float]:
    """Where the line through the points is zero, and its slope."""
    mean_x, mean_y = fmean(x for x, _ in points), fmean(y for _, y in points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 1.0
    return (mean_x - mean_y / slope, slope) if slope > 0 else (mean_x, slope)
