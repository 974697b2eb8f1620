"""Charts and tables as data: what they show. The report decides how they look."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

Role = Literal["good", "bad", "neutral"]
Kind = Literal["line", "bar", "step", "point"]
Point = tuple[float | str | None, float | None]
Cell = str | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis. ``categories`` means that the values are names (or numbers used as names), kept in the order given.
    ``span`` is what it shows at least, whatever the points are: charts under each other can share an axis.
    """

    OPTIONAL: ClassVar[tuple[str, ...]] = ("span",)

    title: str
    log: bool = False
    categories: bool = False
    span: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line, or one bar of each group. None in y is a gap: not measured, which is not zero."""

    name: str
    points: tuple[Point, ...]
    role: Role | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A straight line across the plot at one value of one axis: a limit, or the moment something happened.

    Raises:
        ValueError: the value is not a finite number.
    """

    axis: Literal["x", "y"]
    at: float
    label: str = ""

    def __post_init__(self) -> None:
        if not math.isfinite(self.at):
            raise ValueError(f"a rule must stand at a finite number, not {self.at}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart of one kind; the titles of its axes have their units."""

    title: str
    kind: Kind
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    rules: tuple[Rule, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of text and numbers: one cell for each column in every row. `Backticks` in a text mark code.

    Raises:
        ValueError: a row has more or fewer cells than there are columns.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str | None = None

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.columns):
                raise ValueError(f"row {number} has {len(row)} cells for {len(self.columns)} columns")
