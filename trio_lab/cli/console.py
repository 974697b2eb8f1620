"""Where the commands print: results on standard output, progress and warnings on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

# Text may come from outside (an error, a URL), so its brackets are not markup.
errors = Console(stderr=True, highlight=False, markup=False)


def output() -> Console:
    """Standard output, as wide as the terminal; lines to a pipe have a fixed width."""
    return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 160)


def say(text: str) -> None:
    """Print one line of progress; only a terminal may break it."""
    errors.print(text, soft_wrap=not errors.is_terminal)


def print_list(
    kind: str, entries: Sequence[Mapping[str, Any]], *, json_: bool, columns: Sequence[str] = ("question",)
) -> None:
    """Print the entries of a kind, as a table with these columns (true is a star) or as JSON."""
    if json_:
        print(json.dumps({f"{kind}s": entries}))
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column(kind, style="bold", no_wrap=True)
    for column in columns:
        table.add_column(column)
    for entry in entries:
        table.add_row(escape(entry["name"]), *(_cell(entry[column]) for column in columns))
    output().print(table)


def _cell(value: Any) -> str:
    return ("★" if value else "") if isinstance(value, bool) else escape(str(value))
