"""A round over time: how deep each queue was, how long it made its callers wait, what the loop did, and what was loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from .codec import In

At = Annotated[float, In(digits=3)]
Waits = Annotated[tuple[Annotated[float | None, In(factor=1e3, digits=3)], ...], In(suffix="_ms")]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueTrack:
    """One queue at each of the timeline's moments. ``waiting`` callers and ``in_service``; ``wait`` is the mean of the
    waits that ended since the moment before. None where that was not observed, or nothing ended."""

    name: str
    capacity: int | None
    max_waiting: int | None
    waiting: tuple[int | None, ...]
    in_service: tuple[int | None, ...]
    wait: Waits


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What was loaded from ``begin`` to ``end``, in a few words, and the replies per second at the middle of each interval.

    ``offered`` is the rate at which an open workload sent; a closed one has none, as it sends when it is answered.
    ``first_full`` is the queue that filled first meanwhile, and ``full_at`` the moment from which on it held
    more callers than before.
    """

    OPTIONAL: ClassVar[tuple[str, ...]] = ("offered",)

    name: str
    begin: At
    end: At
    replies: tuple[tuple[At, Annotated[float, In(digits=2)]], ...]
    first_full: str | None = None
    full_at: At | None = None
    offered: Annotated[float | None, In(suffix="_rps")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """All moments are seconds since the round began. ``passes`` has the longest pass of the loop since the moment before."""

    seconds: tuple[At, ...]
    queues: tuple[QueueTrack, ...]
    passes: Waits
    phases: tuple[Phase, ...]
