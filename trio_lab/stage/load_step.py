"""A load as a step that can be judged: which replies came when, and what was seen inside the server meanwhile."""

from __future__ import annotations

from collections.abc import Iterable

from ..records.examination import Piece, Sighting, Step
from ..records.health import Health
from ..records.load import LoadResult

Look = tuple[float, Health]
"""A server and the moment at which it told, in seconds."""


def ends_of(result: LoadResult) -> list[float]:
    """When each interval of the series ended. The last one ends with the duration, or after it if replies were still to
    come."""
    starts = [row.start for row in result.series]
    if len(starts) < 2 or starts[-1] < result.duration:
        return [*starts[1:], result.duration]
    return [*starts[1:], starts[-1] + (starts[1] - starts[0])]


def began(asked: float, over: float, result: LoadResult) -> float:
    """When a load began, from when it was asked for and when it was over: its process may have taken a moment to start."""
    return max(asked, over - ends_of(result)[-1])


def pieces_of(result: LoadResult) -> tuple[Piece, ...]:
    """What ended in each interval."""
    return tuple(Piece(at=row.start, ok=row.ok, failed=row.shed + row.timed_out + row.errors) for row in result.series)


def step_of(result: LoadResult, begin: float, looks: Iterable[Look]) -> Step:
    """The load that began then, with all looks, whose moments are counted from its begin."""
    return Step(
        part="load",
        rate=result.offered,
        clients=result.connections,
        duration=result.duration,
        pieces=pieces_of(result),
        sightings=seen_from(begin, looks),
    )


def seen_from(begin: float, looks: Iterable[Look]) -> tuple[Sighting, ...]:
    """The looks, their moments counted from ``begin``."""
    return tuple(Sighting(at=at - begin, health=health) for at, health in looks)
