"""What a drill is: a fault on purpose, the figures that must hold meanwhile and after, and a control that must fail.

Drills are data. `inject` and `control` return figures and never a verdict; the checks were written down before. A drill
has passed when all its checks hold on what it is for *and* some of them are broken by the control: the same fault on a
twin without the protection. A drill that nothing can fail shows nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..diagnose.check import Check
from .ground import Ground

Figures = Mapping[str, float | None]

AFTERMATH = (
    Check(claim="it answers afterwards, after", figure="after_answer_s", relation="<=", bound=1.0, unit="s"),
    Check(claim="descriptors more or fewer than before", figure="after_fds", relation="<=", bound=5),
    Check(claim="tasks more or fewer than before", figure="after_tasks", relation="<=", bound=5),
    Check(claim="children more or fewer than wanted", figure="after_children", relation="<=", bound=0),
    Check(claim="zombies", figure="after_zombies", relation="<=", bound=0),
)
"""What must hold after every drill, once the dust has settled; see `aftermath`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One fault. ``number`` is its place in the list of drills; those with ``gate`` must pass before a release."""

    name: str
    number: int
    gate: bool
    question: str
    checks: tuple[Check, ...]
    inject: Callable[[Ground], Awaitable[Figures]]
    control: Callable[[Ground], Awaitable[Figures]]
    twin: str
    """What the control is, in a few words."""

    def result(self, figures: Figures, control: Figures) -> dict[str, Any]:
        """The drill's entry in the JSON."""
        checks = [check.against(figures) for check in (*self.checks, *AFTERMATH)]
        broken = [check.claim for check in self.checks if check.against(control)["passed"] is False]
        return {
            "name": self.name,
            "number": self.number,
            "question": self.question,
            "passed": bool(broken) and all(check["passed"] for check in checks),
            "figures": dict(figures),
            "checks": checks,
            "control": {"twin": self.twin, "failed": bool(broken), "broke": broken, "figures": dict(control)},
        }
