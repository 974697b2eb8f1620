"""The verdicts as rows, and how figures are written, on the page and in the terminal.

A figure looks the same everywhere: three significant digits (from 100 on, whole numbers), commas between thousands, the
unit after a space, and "not measured" if there is none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from trio_lab.records.figures import Check
from trio_lab.records.reading import one_line
from trio_lab.records.result import Evidence, Outcome, Results

NOT_MEASURED = "not measured"
NOT_OBSERVED = "not observed"

_RELATIONS = {"<=": "≤", ">=": "≥"}
_BYTES = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow:
    """One experiment as one line of text without control characters. ``first_full`` is a queue's name, "none", or
    "not observed"; ``decisive`` is "–" for an experiment without checks; ``runtime`` is "" if all rows are of the same
    runtime, so that a table can leave out that column."""

    name: str
    runtime: str
    outcome: Outcome
    decisive: str
    first_full: str


def verdict_rows(run: Results) -> list[VerdictRow]:
    """One row per experiment, in the order in which they ran."""
    named = several_runtimes(run)
    return [
        VerdictRow(
            name=one_line(experiment.name),
            runtime=one_line(experiment.runtime) if named else "",
            outcome=experiment.outcome,
            decisive=describe(decisive_check(experiment.evidence)),
            first_full=one_line(experiment.first_full or NOT_OBSERVED),
        )
        for experiment in run.experiments
    ]


def several_runtimes(run: Results) -> bool:
    """Whether a verdict must name its runtime: an experiment ran on more than one, or was meant to.

    An experiment that watches all runtimes by itself is no reason.
    """
    names, runtimes = ({one.name for one in run.experiments}, {one.runtime for one in run.experiments})
    return len(runtimes) > 1 and (run.comparison is not None or len(names) < len(run.experiments))


def decisive_check(evidence: Evidence) -> Check | None:
    """The check that settled the outcome: the first that failed, else the first that has no figure, else the first.

    One failed check refutes, and one without a figure leaves the outcome open, so one that held would mislead.
    """
    return min(evidence.checks, key=lambda check: (False, None, True).index(check.passed), default=None)


def describe(check: Check | None) -> str:
    """``/health p99 3.2 ms (< 25 ms)``; a failed one says ``(not < 25 ms)``."""
    if check is None:
        return "–"
    negation = "not " if check.passed is False else ""
    return one_line(f"{check.claim} {measured(check)} ({negation}{expected(check)})")


def measured(check: Check) -> str:
    """The figure with its unit. One that was judged and is not there was infinite, which a file cannot hold."""
    lacks = check.measured is None or math.isinf(check.measured)
    return "infinite" if lacks and check.passed is not None else format_figure(check.measured, check.unit)


def expected(check: Check) -> str:
    """What was predicted of the figure: ``< 25 ms``."""
    return f"{_RELATIONS.get(check.relation, check.relation)} {format_figure(check.bound, check.unit)}"


def format_figure(value: float | None, unit: str = "") -> str:
    """A number with its unit, as a reader wants it: ``3.2 ms``, ``12,345``, ``40/s``, ``1.4×``, ``25 GB``.

    ``B`` and ``bytes`` are scaled by thousands. `None`, and what is not finite, is "not measured".
    """
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    if unit in ("B", "bytes"):
        return _bytes(value)
    number = _number(value)
    if unit in ("×", "x"):
        return f"{number}×"
    if unit.startswith("/"):
        return number + unit
    return f"{number} {unit}".rstrip()


def format_range(low: float | None, high: float | None, unit: str = "") -> str:
    """``3–3.5``, for use beside a figure that has the unit; "" when an end is missing or both look the same.

    Bytes keep their units, as the two ends may be scaled differently.
    """
    ends = [format_figure(end, unit if unit in ("B", "bytes") else "") for end in (low, high)]
    return "" if NOT_MEASURED in ends or ends[0] == ends[1] else "–".join(ends)


def _number(value: float) -> str:
    size = abs(value)
    if size >= 1e15 or 0 < size < 1e-6:
        return f"{value:.2e}"
    if size >= 100 or value == 0:
        return f"{value:,.0f}"
    digits = 2 - math.floor(math.log10(size))
    return f"{value:.{digits}f}".rstrip("0").rstrip(".")


def _bytes(value: float) -> str:
    power = 0
    while abs(value) >= 1000 and power < len(_BYTES) - 1:
        value, power = value / 1000, power + 1
    return f"{_number(value)} {_BYTES[power]}"


def format_duration(seconds: float) -> str:
    """``21.3 s``, ``2 min 20 s``."""
    if not math.isfinite(seconds) or seconds < 60:
        return format_figure(seconds, "s")
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:,} min {rest} s" if rest else f"{minutes:,} min"
