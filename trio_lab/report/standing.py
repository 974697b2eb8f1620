"""Which runtime is better in a comparison, judged in one place for the page and the terminal.

The others are compared with Trio. Two runs of the same program already differ, so a runtime is better or worse only if
all rounds agree and the median differs by `MARGIN` or more. Otherwise the two are even.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from trio_lab.records.figures import Compared
from trio_lab.records.reading import one_line
from trio_lab.records.result import Comparison, Results
from trio_lab.records.spread import Spread
from trio_lab.report.table import format_figure, format_range

REFERENCE = "trio"
MARGIN = 0.05

Standing = Literal["better", "worse", "even"]

_NOTHING = Spread()


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRow:
    """One figure as one line of text without control characters: ``cells`` has a text for each runtime, in order."""

    experiment: str
    figure: str
    better: Literal["lower", "higher"]
    cells: dict[str, str]


def comparison_rows(run: Results) -> list[ComparisonRow]:
    """One row per compared figure; none when nothing was compared."""
    comparison = run.comparison
    if comparison is None:
        return []
    names = runtimes_of(comparison)
    return [
        ComparisonRow(
            experiment=one_line(experiment.name),
            figure=one_line(figure.label),
            better=figure.better,
            cells={one_line(name): one_line(cell(figure, name, names)) for name in names},
        )
        for experiment in comparison.experiments
        for figure in experiment.figures
    ]


def cell(figure: Compared, runtime: str, runtimes: Sequence[str]) -> str:
    """``2.6 ms (2.1–3.1), round by round 0.8× trio's: better``; trio's own: ``3.2 ms (3–3.5): behind asyncio``."""
    found = value(figure, runtime)
    said = format_figure(found.median, figure.unit)
    spread = format_range(found.min, found.max, figure.unit)
    if spread:
        said += f" ({spread})"
    if ratio := ratio_text(figure, runtime):
        said += f", {ratio}"
    remark = overall(figure, runtimes)[1] if runtime == REFERENCE else standing(figure, runtime)
    return f"{said}: {remark}" if remark else said


def runtimes_of(comparison: Comparison) -> list[str]:
    """The runtimes that have a column, in their order: a missing one has it only if something was measured on it."""
    figures = [figure for experiment in comparison.experiments for figure in experiment.figures]
    return [
        name
        for name in dict.fromkeys(comparison.runtimes)
        if name not in comparison.missing or any(value(figure, name).median is not None for figure in figures)
    ]


def value(figure: Compared, runtime: str) -> Spread:
    """The figure on this runtime; a `Spread` of nothing when it was not measured."""
    return _finite(figure.values.get(runtime, _NOTHING))


def ratio_spread(figure: Compared, runtime: str) -> Spread:
    """The figure divided by Trio's of the same round; a `Spread` of nothing for Trio itself."""
    return _NOTHING if runtime == REFERENCE else _finite(figure.ratios.get(runtime, _NOTHING))


def ratio_text(figure: Compared, runtime: str) -> str:
    """``0.8× trio's``; "" without a ratio. Where rounds differ, "round by round" says that it is the median of their ratios,
    and no quotient of the medians beside it."""
    ratio = ratio_spread(figure, runtime)
    if ratio.median is None:
        return ""
    return f"{'' if ratio.min == ratio.max else 'round by round '}{format_figure(ratio.median, '×')} {REFERENCE}'s"


def standing(figure: Compared, runtime: str) -> Standing | None:
    """How this runtime compares with Trio; None when one of the two has no figure."""
    if runtime == REFERENCE:
        return None
    side = _side(ratio_spread(figure, runtime))
    ours = value(figure, REFERENCE)
    if side is None and ours.median == 0:  # there is no ratio to zero, but there may be both figures
        side = _apart(value(figure, runtime), ours)
    if side is None:
        return None
    if side == 0:
        return "even"
    return "better" if (side < 0) == (figure.better == "lower") else "worse"


def overall(figure: Compared, runtimes: Sequence[str]) -> tuple[Standing | None, str]:
    """How Trio compares with all others, as a standing and in words: the runtimes that are better come first."""
    others: dict[Standing, list[str]] = {"better": [], "worse": [], "even": []}
    for runtime in runtimes:
        found = standing(figure, runtime)
        if found is not None:
            others[found].append(runtime)
    if others["better"]:
        return "worse", f"behind {listed(others['better'])}"
    if others["worse"]:
        return "better", f"ahead of {listed(others['worse'])}"
    return ("even", "even") if others["even"] else (None, "")


def standings_beside(comparison: Comparison, runtime: str) -> dict[Standing, int]:
    """In how many figures Trio is better than this runtime, worse, and even with it."""
    figures = [figure for experiment in comparison.experiments for figure in experiment.figures]
    found = [standing(figure, runtime) for figure in figures]
    return {"better": found.count("worse"), "worse": found.count("better"), "even": found.count("even")}


def listed(names: Sequence[str]) -> str:
    """``trio, asyncio and node``."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def _side(found: Spread) -> int | None:
    """The side of 1 on which all ratios are: -1, 1, or 0 if rounds disagree or the median is too close to 1."""
    if found.median is None:
        return None
    ends = [end for end in (found.min, found.max) if end is not None]
    if found.median <= 1 / (1 + MARGIN) and all(end < 1 for end in ends):
        return -1
    return int(found.median >= 1 + MARGIN and all(end > 1 for end in ends))


def _apart(one: Spread, other: Spread) -> int | None:
    """The same for two figures that have no ratio: -1 or 1 if one spread lies wholly below the other."""
    if one.median is None or other.median is None:
        return None
    if (one.median if one.max is None else one.max) < (other.median if other.min is None else other.min):
        return -1
    return int((one.median if one.min is None else one.min) > (other.median if other.max is None else other.max))


def _finite(found: Spread) -> Spread:
    """The same with None for what is not a finite number."""
    return found.each(lambda one: one if math.isfinite(one) else None)
