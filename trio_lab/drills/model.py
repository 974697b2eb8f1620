"""What a drill is: a fault on purpose, the figures that must hold meanwhile and after, and a control that must fail.

Drills are data. `inject` and `control` return figures and never a verdict; the checks are declared beforehand. A drill
passes when all its checks hold *and* the control breaks at least one of them: the same fault on a twin without the
protection. A drill that cannot fail shows nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from ..diagnose.judge import checked
from ..errors import UsageError
from ..records.drill import ControlResult, DrillResult
from ..records.figures import Check, Declared, Figures, check, names_of, require_declared
from ..stage.stage import Stage

LOOPS = ("trio", "asyncio", "uvloop")
"""On which a drill of the watch can run."""
AFTERMATH = (
    check("time of the next answer", "after_answer_s", "<=", 1.0, "s"),
    check("descriptors more or fewer than before", "after_fds", "<=", 5),
    check("tasks more or fewer than before", "after_tasks", "<=", 5),
    check("children more or fewer than wanted", "after_children", "<=", 0),
    check("zombies", "after_zombies", "<=", 0),
)
"""What must hold after every drill, once connections are closed and workers replaced; see `aftermath`."""


class Disturbed(Exception):
    """The machine was too busy, or changed too much, for the drill to tell anything. The text says how it was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The figures of a fault, or why it could not be run. ``disturbed``: because of the machine."""

    figures: Figures
    error: str | None = None
    disturbed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One fault. ``number`` is its place in the list of drills; those with ``gate`` must pass before a release.

    ``figures`` declares what is measured, besides what `AFTERMATH` names (`records.figures`). `inject` returns all
    of them; `control` may leave out those that its twin cannot have. Both may raise `Disturbed`: the drill is then undecided.

    Raises:
        ValueError: a check names a figure that is not declared.
    """

    name: str
    number: int
    gate: bool
    question: str
    figures: Declared
    checks: tuple[Check, ...]
    inject: Callable[[Stage], Awaitable[Figures]]
    control: Callable[[Stage], Awaitable[Figures]]
    twin: str
    """What the control is, in a few words."""
    on_asyncio: Callable[[str], Drill] | None = None
    """The same on a loop of `LOOPS` other than Trio's; None for a drill that is about something else than a loop."""

    def __post_init__(self) -> None:
        require_declared((check.figure for check in self.checks), self.declared)

    def on(self, loop: str) -> Drill:
        """The same drill on this loop, under a name that says so.

        Raises:
            UsageError: there is none.
        """
        if loop == LOOPS[0]:
            return self
        if self.on_asyncio is None:
            raise UsageError(f"{self.name} does not choose its loop; leave out --loop")
        return replace(self.on_asyncio(loop), name=f"{self.name} on {loop}")

    @property
    def declared(self) -> tuple[str, ...]:
        """The names of all figures."""
        return (*names_of(self.figures), *(check.figure for check in AFTERMATH))

    def result(self, fault: Attempt, control: Attempt, *, duration: float) -> DrillResult:
        """The verdict on both."""
        checks = checked((*self.checks, *AFTERMATH), fault.figures)
        broke = tuple(check.claim for check in checked(self.checks, control.figures) if check.passed is False)
        undecided = next((one.error for one in (fault, control) if one.disturbed), None)
        return DrillResult(
            name=self.name,
            number=self.number,
            question=self.question,
            passed=bool(broke) and all(check.passed for check in checks),
            figures=dict(fault.figures),
            checks=checks,
            control=ControlResult(
                twin=self.twin, failed=bool(broke), broke=broke, figures=dict(control.figures), error=control.error
            ),
            duration=duration,
            error=fault.error,
            undecided=undecided,
        )
