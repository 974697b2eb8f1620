"""The rounds of an experiment: which of them count, whether another one is needed, and what they say together.

A round is one run of a case's `collect`: everything that the case compares is measured once, one after the other. So what
the machine does to one side of a comparison it likely does to the other, and every figure is judged by its median over the
rounds, with an interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from ..diagnose.disturbance import counted
from ..diagnose.interval import LEAST
from ..diagnose.judge import checked_over, measured_in
from ..records.conditions import Conditions
from ..records.figures import Check, Figures
from ..records.timeline import Timeline
from ..report.table import format_figure
from .model import Collected

_MORE = 1.5  # so many times the least number of rounds, while a check is undecided or rounds were disturbed


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round found, and what the machine did meanwhile. ``trouble`` says why there are no figures; it ``failed`` if
    that is a fault."""

    collected: Collected
    conditions: Conditions
    timeline: Timeline | None = None
    trouble: str = ""
    failed: bool = False

    @property
    def figures(self) -> Figures:
        return self.collected.figures


def marked(rounds: Sequence[Round]) -> list[Round]:
    """The rounds, each saying whether it counts."""
    which = counted([one.conditions.disturbance for one in rounds])
    return [
        replace(one, conditions=replace(one.conditions, counted=counts))
        for one, counts in zip(rounds, which, strict=True)
    ]


def counting(rounds: Sequence[Round]) -> list[Round]:
    """Those that count."""
    return [one for one in marked(rounds) if one.conditions.counted]


def another(checks: Sequence[Check], rounds: Sequence[Round], *, least: int = LEAST) -> bool:
    """Whether one more round is needed: too few count, or a check that has figures is undecided. It ends at half as many
    again as ``least``, or at ``least`` where even so many would decide nothing; a round that failed ends it at once."""
    if any(one.failed for one in rounds):
        return False
    if checks and all(check.exact for check in checks):
        return not rounds
    most = round(least * _MORE)
    if len(rounds) >= (most if most >= LEAST else least):
        return False
    undecided = (check for check in judged(checks, rounds) if check.passed is None)
    return len(counting(rounds)) < least or any(check.measured is not None for check in undecided)


def judged(checks: Sequence[Check], rounds: Sequence[Round]) -> tuple[Check, ...]:
    """The checks, by what the rounds say together."""
    return checked_over(checks, [one.figures for one in rounds], [one.conditions.counted for one in marked(rounds)])


def so_far(checks: Sequence[Check], rounds: Sequence[Round]) -> str:
    """The median of what is checked first, after these rounds."""
    first = next(iter(judged(checks, rounds)), None)
    shown = "" if first is None else f": {first.claim} {format_figure(first.measured, first.unit)}"
    return f"{len(rounds)} round{'s' if len(rounds) > 1 else ''}{shown}"


def medians(rounds: Sequence[Round]) -> dict[str, float | None]:
    """Every figure, as the median of the rounds that have it."""
    names = dict.fromkeys(name for one in rounds for name in one.figures)
    found = {name: measured_in([one.figures for one in rounds], name) for name in names}
    return {name: median(values) if values else None for name, values in found.items()}


def typical(rounds: Sequence[Round]) -> Round:
    """The round whose figures lie nearest to the medians, by their ranks: the one whose charts are shown."""
    return min(rounds, key=lambda one: sum(_off(rounds, name, value) for name, value in one.figures.items()))


def _off(rounds: Sequence[Round], name: str, value: float | None) -> float:
    """How far from the middle a figure's rank is, as a share of the rounds."""
    values = measured_in([one.figures for one in rounds], name)
    if value is None or not values:
        return 0.5
    below, equal = sum(other < value for other in values), values.count(value)
    return abs((below + equal / 2) / len(values) - 0.5)
