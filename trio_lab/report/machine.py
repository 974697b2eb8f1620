"""The machine and the versions, without which no figure can be compared with another."""

from __future__ import annotations

from typing import Any

import msgspec

from trio_lab.report.prose import text
from trio_lab.report.table import format_figure

_APART = {"packages": "Packages", "programs": "Other programs"}
_UNITS = {"_bytes": (1, "B"), "_s": (1e9, "ns")}
"""What the end of a name says of its number: a factor, and the unit in which it is shown. Times are those of clocks."""


def machine(environment: dict[str, Any]) -> str:
    """The last part of the page. The environment may hold more than this version knows."""
    apart = {name: facts for name in _APART if isinstance(facts := environment.get(name), dict) and facts}
    columns = [_column("Machine", {name: value for name, value in environment.items() if name not in apart})]
    columns += (_column(_APART[name], facts) for name, facts in apart.items())
    return (
        '<section class="machine" id="machine" aria-labelledby="machine-h"><h2 id="machine-h">Machine and versions</h2>'
        f'<div class="pair">{"".join(columns)}</div>'
        "<p>Every figure of this page is in <code>results.json</code> beside it. "
        "To make the page again from that file: <code>trio-lab report DIR</code>.</p></section>"
    )


def _column(title: str, facts: dict[str, Any]) -> str:
    rows = "".join(_fact(name, value) for name, value in facts.items())
    return f'<div><h3>{title}</h3><dl class="figures">{rows}</dl></div>'


def _fact(name: str, value: Any) -> str:
    end = next((end for end in _UNITS if name.endswith(end)), "")
    if end and isinstance(value, int | float) and abs(value) < 1e18:
        factor, unit = _UNITS[end]
        name, value = name.removesuffix(end), format_figure(value * factor, unit)
    label = name.replace("_", " ")
    return f"<div><dt>{text(label)}</dt><dd>{text(_plain(value))}</dd></div>"


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
