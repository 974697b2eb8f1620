"""What `trio-lab drill --json` prints: each drill's checks, and the control that had to break some of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from .chart import Table
from .figures import Check
from .result import Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlResult:
    """The same fault on a twin without the protection. ``broke``: the claims that did not hold there; ``failed`` is
    whether there were any, as there must be. ``error``: why it could not be run."""

    twin: str
    failed: bool
    broke: tuple[str, ...]
    figures: dict[str, float | None]
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillResult:
    """One drill. ``passed``: every check holds, and the control broke one. ``error``: why it could not be run. ``undecided``:
    what kept it from telling anything; it has neither passed nor failed then. ``tables`` are of it and its control."""

    OPTIONAL: ClassVar[tuple[str, ...]] = ("tables", "undecided")

    name: str
    number: int
    question: str
    passed: bool
    figures: dict[str, float | None]
    checks: tuple[Check, ...]
    control: ControlResult
    duration: Duration
    error: str | None
    tables: tuple[Table, ...] | None = None
    undecided: str | None = None

    @property
    def verdict(self) -> Literal["passed", "undecided", "failed"]:
        return "passed" if self.passed else "failed" if self.undecided is None else "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillResults:
    """A whole run. ``gate``: with the short doses; ``dose`` multiplied either kind."""

    drills: tuple[DrillResult, ...]
    gate: bool
    dose: float
