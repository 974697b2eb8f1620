"""The table in the docs: a line for each experiment, of the last time that it was tried."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.planting import ROOT
from trio_lab.records.figures import Check
from trio_lab.report.table import format_figure

from .found import Found
from .plants import PLANTS

PAGE = ROOT / "docs" / "refutations.md"
_RULE = "|---|---|---|---|---|---|\n"


def rows(text: str) -> dict[str, str]:
    """The lines of the table in a page, by experiment."""
    _, _, table = text.partition(_RULE)
    return {line[3:].partition("]")[0]: line for line in table.splitlines()}


def with_row(text: str, name: str, row: str) -> str:
    """The page with the line of one experiment; the others stay as they are."""
    above, rule, _ = text.partition(_RULE)
    found = rows(text) | {name: row}
    return above + rule + "".join(f"{found[one]}\n" for one in PLANTS if one in found)


def row(name: str, found: Found) -> str:
    """The line of one experiment."""
    outcome = f"{found.outcome}, all rounds" if found.busy else found.outcome
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    cells = found.plant.what, outcome, _told(found.check), found.unchanged.outcome, date
    return f"| [{name}](experiments/{name}.md) | {' | '.join(cells)} |"


def _told(check: Check) -> str:
    low, measured, high = (format_figure(value, check.unit) for value in (check.low, check.measured, check.high))
    bound = format_figure(check.bound, check.unit)
    interval = "" if low == high else f" ({low} to {high})"
    negation = "not " if check.passed is False else ""
    return f"{check.claim}: {measured}{interval}, {negation}{check.relation} {bound}"
