"""The tables that end a run in the terminal: the runtimes beside each other, and the verdicts."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from ..records.result import Results
from .console import output

_STYLES = {"confirmed": "green", "refuted": "bold red", "undecided": "yellow"}


def show(results: Results) -> None:
    """Print the comparison, if there is one, and the verdicts."""
    compared = comparison_table(results)
    if compared is not None:
        output().print(compared)
        output().print()
    output().print(verdict_table(results))


def verdict_table(results: Results) -> Table:
    """One row per experiment, with a column for the runtime if there are several."""
    from ..report.table import verdict_rows

    rows = verdict_rows(results)
    named = any(row.runtime for row in rows)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("experiment", *(["runtime"] if named else []), "outcome", "decisive figure", "first full queue"):
        table.add_column(column, no_wrap=column == "experiment")
    for row in rows:
        runtime = [Text(row.runtime)] if named else []
        outcome = Text(row.outcome, _STYLES.get(row.outcome, ""))
        table.add_row(Text(row.name), *runtime, outcome, Text(row.decisive), Text(row.first_full))
    return table


def comparison_table(results: Results) -> Table | None:
    """One row per compared figure, with a column for each runtime; None when nothing was compared."""
    from ..report.standing import comparison_rows

    rows = comparison_rows(results)
    if not rows:
        return None
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("experiment", "figure (better)", *rows[0].cells):
        table.add_column(Text(column))
    before = ""
    for row in rows:
        name = "" if row.experiment == before else row.experiment
        before = row.experiment
        figure = Text(f"{row.figure} ({row.better})")
        table.add_row(Text(name, "bold"), figure, *(Text(said) for said in row.cells.values()))
    return table
