"""What `trio-lab bench --json` prints: ratios to the peers, the goals for them, and how much other programs interfered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from .chart import Table
from .codec import In
from .figures import Relation
from .result import Duration
from .spread import Spread

Digits = Annotated[float, In(digits=4)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """The median of a ratio stands in ``relation`` to ``bound``. ``met`` None: the ratio was not measured."""

    relation: Relation
    bound: float
    met: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkResult:
    """One benchmark. Ratios, goals and intervals by the ratio's name; ``met`` None: one of the goals could not be judged. An
    interval holds the true median with 95 %; a ratio of too few rounds has none.

    ``missing`` are peers that are not here, ``failed`` is why it could not be run. ``others_share`` is the share of the
    machine's cores that other programs used, ``disturbed_rounds`` the rounds that count although they used too much.
    ``tables`` are what ratios alone cannot tell.
    """

    OPTIONAL: ClassVar[tuple[str, ...]] = ("tables",)

    name: str
    question: str
    ratios: dict[str, Spread]
    goals: dict[str, Goal]
    met: bool | None
    figures: dict[str, float | None]
    missing: tuple[str, ...]
    failed: str | None
    notes: tuple[str, ...]
    versions: dict[str, str]
    disturbed_rounds: int
    others_share: Annotated[float | None, In(digits=3)]
    busy_machine: bool
    duration: Duration
    environment: dict[str, Any]
    intervals: dict[str, tuple[Digits, Digits]] = field(default_factory=dict)
    tables: tuple[Table, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkResults:
    """A whole run; ``created`` is an ISO 8601 time in UTC."""

    created: str
    quick: bool
    benchmarks: tuple[BenchmarkResult, ...]
