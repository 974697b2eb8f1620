"""Every await of one runtime asked the same two questions. It runs on any event loop: it only awaits what it is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from .answers import Await, Matrix

Storm = Callable[[float], Awaitable[None]]
"""One await again and again, for so many seconds."""


async def asked(
    runtime: str,
    storms: Mapping[str, Storm],
    seconds: float,
    *,
    beats_beside: Callable[[Storm, float], Awaitable[int]],
    ends_when_cancelled: Callable[[Storm, float], Awaitable[bool]],
) -> Matrix:
    rows = []
    for what, storm in storms.items():
        beats = await beats_beside(storm, seconds)
        cancelled = await ends_when_cancelled(storm, seconds)
        rows.append(Await(what=what, beats=beats, schedules=beats > 0, cancelled=cancelled))
    return Matrix(runtime=runtime, rows=tuple(rows))
