"""`trio-lab env`."""

from __future__ import annotations

import json

from rich.markup import escape
from rich.table import Table

from ..measure.environment import environment, missing
from .console import output
from .flags import Json


def env(*, json_: Json = False) -> None:
    """Show what the lab would run on, and what is missing."""
    found, lacks = environment(), missing()
    if json_:
        print(json.dumps(found | {"missing": lacks}))
        return
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column()
    for name, value in found.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {version or 'missing'}" for key, version in value.items())
        table.add_row(name.replace("_", " "), "none" if value is None else escape(str(value)))
    table.add_row("missing", escape("; ".join(lacks)) or "nothing")
    output().print(table)
