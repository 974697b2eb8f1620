"""The tables that end a run in the terminal: the runtimes beside each other, and the verdicts."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from ..records import chart as records
from ..records.result import Results
from .console import output

_MANY_COLUMNS = 8
_STYLES = {"confirmed": "green", "refuted": "bold red", "undecided": "yellow"}


def show(results: Results) -> None:
    """Print the comparison, if there is one, and the verdicts."""
    compared = comparison_table(results)
    if compared is not None:
        output().print(compared)
        output().print()
    if blockers := blocker_table(results):
        output().print(plain_table(blockers))
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


def plain_table(found: records.Table) -> Table:
    """A table of a record. When there are many columns their heads are numbers, which are explained below."""
    from ..report.table import format_figure

    many = len(found.columns) > _MANY_COLUMNS
    heads = [found.columns[0], *(str(number) if many else name for number, name in enumerate(found.columns[1:], 1))]
    key = ", ".join(f"{number} {name}" for number, name in enumerate(found.columns[1:], 1))
    table = Table(
        box=None, padding=(0, 2, 0, 0), title=found.title, title_justify="left", caption=key if many else None
    )
    for head in heads:
        table.add_column(Text(head))
    for row in found.rows:
        table.add_row(
            *(Text(cell if isinstance(cell, str) else "" if cell is None else format_figure(cell)) for cell in row)
        )
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


def blocker_table(results: Results) -> records.Table | None:
    """Who blocked the loop of each runtime in each experiment; None if that was not asked."""
    compared = results.comparison.experiments if results.comparison else ()
    found = [(one.name, one.blockers) for one in compared if one.blockers is not None]
    if not found:
        return None
    first = found[0][1]
    rows = tuple((name, *row) for name, table in found for row in table.rows)
    return records.Table(title=first.title, columns=("experiment", *first.columns), rows=rows)
