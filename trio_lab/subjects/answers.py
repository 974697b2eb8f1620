"""What the programs that exist for every runtime print with ``--json``: one record for each question.

``PROGRAM`` is the first part of the names of the files that answer it, on Trio, asyncio and Node alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from ..records.codec import In


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenOrder:
    order: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """One question about order: every order that came out, the most frequent first.

    A ``promised`` order is fixed by the runtime's documents or its design, so it must come out alone.
    """

    name: str
    promised: bool
    orders: tuple[SeenOrder, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What runs in which order."""

    PROGRAM: ClassVar[str] = "order"

    runtime: str
    demos: tuple[Demo, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Await:
    """One await, repeated. ``beats`` of a heartbeat of 10 ms beside it; it ``schedules`` when there were any. It is
    ``cancelled`` when a cancel after 50 ms ended it early."""

    what: Annotated[str, In(name="await")]
    beats: int
    schedules: bool
    cancelled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Which awaits let others run, and which let a cancel in."""

    PROGRAM: ClassVar[str] = "matrix"

    runtime: str
    rows: tuple[Await, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One way to start three tasks of which one fails.

    A sibling has ended when the error cut it short. The parent waited when both siblings were over before it went on.
    """

    construct: str
    siblings_ended: int
    siblings_completed_after_error: int
    parent_waited: bool
    error_reached_parent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Siblings:
    """What the error of one task does to those beside it. ``errors_never_retrieved`` counts what only asyncio's handler
    for such errors was told."""

    PROGRAM: ClassVar[str] = "siblings"
    OPTIONAL: ClassVar[tuple[str, ...]] = ("errors_never_retrieved",)

    runtime: str
    rows: tuple[Outcome, ...]
    errors_never_retrieved: int | None = None
