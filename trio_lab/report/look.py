"""How series look: colours by role, dashes and shapes.

Blue is for good and orange for bad: these two can be told apart with every common kind of colour blindness. Each role
also has its own dashes and point shapes, so a chart can be read when it is printed in grey. The colours themselves are in
the style sheet, once for a light page and once for a dark one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

from trio_lab.records.chart import Role, Series

_DASHES: dict[Role, tuple[str, ...]] = {
    "good": ("", "12 3", "4 2"),
    "bad": ("7 3", "3 2", "10 3 2 3"),
    "neutral": ("", "2 3", "9 3", "5 2 1 2", "14 4", "4 4"),
}
_CIRCLE, _SQUARE, _DIAMOND = "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", "M-3.5-3.5h7v7h-7z", "M0-5 4.5 0 0 5-4.5 0z"
_UP, _DOWN, _RIGHT, _LEFT = "M0-4.5 4.5 3.5h-9z", "M0 4.5 4.5-3.5h-9z", "M4.5 0-3.5 4.5v-9z", "M-4.5 0 3.5 4.5v-9z"
_CROSS = "M-1.5-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z"
_SHAPES: dict[Role, tuple[str, ...]] = {
    "good": (_CIRCLE, _SQUARE, _DIAMOND),
    "bad": (_UP, _CROSS, _DOWN),
    "neutral": (_SQUARE, _DIAMOND, _CIRCLE, _RIGHT, _CROSS, _LEFT),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What tells one series from the others: a colour of the style sheet, the dashes of its line ("" for none), and the
    shape of its points as an SVG path around 0, 0."""

    colour: str
    dash: str
    shape: str


def styles(series: Sequence[Series]) -> list[Style]:
    """A style for each series. Those of one role take its styles in turn; a series without a role is neutral."""
    turns = {role: cycle(enumerate(zip(_DASHES[role], _SHAPES[role], strict=True), 1)) for role in _DASHES}
    chosen = ((role, next(turns[role])) for role in (one.role or "neutral" for one in series))
    return [Style(colour=f"var(--c-{role}-{n})", dash=dash, shape=shape) for role, (n, (dash, shape)) in chosen]
