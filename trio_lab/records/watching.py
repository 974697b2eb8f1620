"""A service as it is watched: its queues as rows, in the order in which a request meets them, and what its loop does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from .codec import In, Milliseconds, Ratio
from .live import LiveState, RecentStall

PerSecond = Annotated[float | None, In(suffix="_per_s", digits=2)]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """One queue. ``wait`` and ``service`` are means of what ended in the last seconds. ``growth`` is by how many callers a
    second the queue grew meanwhile, those that were not served included, and ``trend`` the same in a word; ``lost`` is how many
    a second were not served. ``first`` marks the queue that holds requests up: the first to fill. None: not observed."""

    name: str
    capacity: int | None
    in_service: int | None
    waiting: int | None
    max_waiting: int | None
    wait: Milliseconds | None
    service: Milliseconds | None
    trend: Literal["rises", "falls", "steady"] | None
    growth: PerSecond
    lost: PerSecond
    first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopRow:
    """Passes of the loop. ``utilization`` is that of the last seconds, the other figures are those of `Loop`."""

    utilization: Ratio | None
    p50: Milliseconds | None
    p99: Milliseconds | None
    max: Milliseconds | None
    delay_p99: Milliseconds | None
    blind: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A service at a moment, ``at`` seconds after the watch began. ``silent`` is how long it has not answered. ``first_full``
    is "none" if no queue fills, None if there are too few looks to tell. ``state`` is what a side process tells of it,
    ``notes`` says what is not seen."""

    OPTIONAL: ClassVar[tuple[str, ...]] = ("state",)

    at: Annotated[float, In(suffix="_s", digits=2)]
    silent: Annotated[float, In(suffix="_s", digits=2)]
    runtime: str | None
    first_full: str | None
    queues: tuple[QueueRow, ...]
    loop: LoopRow | None
    stalls: tuple[RecentStall, ...]
    state: LiveState | None = None
    notes: tuple[str, ...] = ()
