"""How charts look: colours by role, dashes and shapes, fonts, grid.

Blue is for good and orange for bad: these two can be told apart with every common kind of colour blindness. Each role
also has its own dashes and point shapes, so a chart can be read when it is printed in grey.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from trio_lab.records.chart import Role, Series

# Only families of the same metrics: text is measured when the chart is made, and a wider font would overlap.
FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"
INK = "#1f2933"
MUTED = "#5b6674"
GRID = "#e6e9ee"
EDGE = "#aab2bd"

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
    """What tells one series from the others."""

    colour: str
    dash: tuple[int, ...]
    shape: str


def styles(series: Sequence[Series]) -> list[Style]:
    """A style for each series. Those of one role take its styles in turn; a series without a role is neutral."""
    turns = {role: cycle(zip(_COLOURS[role], _DASHES[role], _SHAPES[role], strict=True)) for role in _COLOURS}
    chosen = (next(turns[one.role or "neutral"]) for one in series)
    return [Style(colour=colour, dash=dash, shape=shape) for colour, dash, shape in chosen]


def variables() -> dict[str, str]:
    """The name of the style sheet's variable for every colour that charts use: a dark page has others."""
    named = {INK: "--c-ink", MUTED: "--c-muted", GRID: "--c-grid", EDGE: "--c-edge"}
    for role, colours in _COLOURS.items():
        named |= {colour: f"--c-{role}-{number}" for number, colour in enumerate(colours, 1)}
    return named


def theme() -> dict[str, Any]:
    """The configuration of every chart. Sizes in pixels of a plot that is about 700 wide."""
    text = {"labelFont": FONT, "titleFont": FONT}
    return {
        "aria": False,  # the SVG as a whole is one labelled image; a label for every point would be too many
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
            "domainColor": EDGE,
            "tickColor": EDGE,
            "tickSize": 4,
        },
        "axisY": {"domain": False, "ticks": False},
        "axisX": {"grid": False, "titlePadding": 10},
        "legend": {**text, "labelFontSize": 13, "labelColor": INK, "labelLimit": 0},
    }
