"""How charts look: colours by role, dashes and shapes, type, grid.

Blue is for what went well and orange for what did not: that pair stays apart for every common kind of colour blindness.
Colour never stands alone: a role also has its own dash and its own point shape, so a print in grey can be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trio_lab.records.chart import Role, Series

# Metric-compatible families only: text is measured when the chart is made, and a wider font would touch its neighbour.
FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"
INK = "#1f2933"
MUTED = "#5b6675"
GRID = "#e6e9ee"

_COLOURS: dict[Role, tuple[str, ...]] = {
    "good": ("#0b6fa4", "#12998a", "#5aa9dd"),
    "bad": ("#d9530b", "#a32a1a", "#e69a1f"),
    "neutral": ("#5b6675", "#8a63b5", "#8f7a2b", "#2f8f57", "#c2588d", "#3f4fa3"),
}
_DASHES: dict[Role, tuple[tuple[int, ...], ...]] = {
    "good": ((1, 0), (12, 3), (4, 2)),
    "bad": ((7, 3), (3, 2), (10, 3, 2, 3)),
    "neutral": ((1, 0), (2, 3), (9, 3), (5, 2, 1, 2), (14, 4), (4, 4)),
}
_SHAPES: dict[Role, tuple[str, ...]] = {
    "good": ("circle", "square", "diamond"),
    "bad": ("triangle-up", "cross", "triangle-down"),
    "neutral": ("square", "diamond", "circle", "triangle-right", "cross", "triangle-left"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How one series is told from the others."""

    colour: str
    dash: tuple[int, ...]
    shape: str


def styles(series: Sequence[Series]) -> list[Style]:
    """A style for each series. Those of one role take its looks in turn; no role is neutral."""
    used: dict[Role, int] = {}
    chosen = []
    for one in series:
        role: Role = one.role or "neutral"
        turn = used.get(role, 0)
        used[role] = turn + 1
        chosen.append(
            Style(
                colour=_COLOURS[role][turn % len(_COLOURS[role])],
                dash=_DASHES[role][turn % len(_DASHES[role])],
                shape=_SHAPES[role][turn % len(_SHAPES[role])],
            )
        )
    return chosen


def theme() -> dict[str, Any]:
    """The configuration every chart shares. Sizes in pixels of a plot about 700 wide."""
    text = {"labelFont": FONT, "titleFont": FONT}
    return {
        "aria": False,  # the SVG as a whole is one labelled image; a label on every point would drown it
        "background": "transparent",
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            **text,
            "labelColor": MUTED,
            "labelFontSize": 12,
            "labelPadding": 6,
            "titleColor": INK,
            "titleFontSize": 12.5,
            "titleFontWeight": "normal",
            "gridColor": GRID,
            "domainColor": "#aab2bd",
            "tickColor": "#aab2bd",
            "tickSize": 4,
        },
        "axisY": {"domain": False, "ticks": False},
        "axisX": {"grid": False, "titlePadding": 10},
        "legend": {**text, "labelFontSize": 13, "labelColor": INK, "labelLimit": 0},
    }
