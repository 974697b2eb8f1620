"""What only the server's own process knows: ``GET /fault`` answers with it, and drills read it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedThreads:
    """The threads of Trio's default limiter. ``victims`` counts what waits for one, by purpose, such as DNS."""

    capacity: float
    in_service: int
    waiting: int
    victims: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """``tasks`` that live. ``shared_threads``: of the Trio server only."""

    tasks: int
    shared_threads: SharedThreads | None = None
