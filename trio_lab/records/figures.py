"""Figures: what a case measures, each under a name that was declared before anything ran, and the claims about them.

A case declares its figures as names or, where they follow from what was measured, as `Measures`: each name with the
function that finds the figure. A check of an undeclared figure is an error when the case is imported. A result that lacks a
declared figure, or has an undeclared one, is an error when it was measured. So a mistyped name never passes for "not enough
data". A figure that was not measured is None.

A claim is a check of one figure, or a figure that is compared between runtimes. `diagnose.judge` and `experiments.compare`
fill in what was measured, so the report draws the record that the case declared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeVar

from .spread import Spread

F = TypeVar("F")
Figures = Mapping[str, float | None]
Declared = Collection[str]
Measures = Mapping[str, Callable[[F], float | None]]
"""The figures of a case by name, each as a function of what was measured."""


def measured(measures: Measures[F], found: F) -> dict[str, float | None]:
    """Every figure of what was found."""
    return {name: figure(found) for name, figure in measures.items()}


def of_each(keys: Iterable[str], measures: Measures[F]) -> dict[str, Callable[[Mapping[str, F]], float | None]]:
    """The same figures of each of several runs; ``{}`` in a name stands for the key of the run."""

    def at(key: str, figure: Callable[[F], float | None]) -> Callable[[Mapping[str, F]], float | None]:
        return lambda runs: figure(runs[key])

    return {name.format(key): at(key, figure) for key in keys for name, figure in measures.items()}


def names_of(declared: Declared) -> tuple[str, ...]:
    """The names of the figures that a case declares.

    Raises:
        ValueError: a name is declared twice.
    """
    names = tuple(declared)
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"declared twice: {', '.join(sorted(twice))}")
    return names


def require_declared(names: Iterable[str], declared: Iterable[str]) -> None:
    """
    Raises:
        ValueError: one of the names is not declared.
    """
    if unknown := [name for name in names if name not in declared]:
        raise ValueError(f"not declared: {', '.join(unknown)}")


def require_all(names: Iterable[str], declared: Iterable[str]) -> None:
    """
    Raises:
        ValueError: one of the names is not declared, or a declared one is not among them.
    """
    found = list(names)
    require_declared(found, declared)
    if missing := [name for name in declared if name not in found]:
        raise ValueError(f"declared and not measured: {', '.join(missing)}; a figure without a value is None")


Relation = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One claim of a prediction: the figure of this name stands in ``relation`` to ``bound``, both in ``unit``.

    ``measured`` is the median of the rounds, and its 95 % interval reaches from ``low`` to ``high``. The claim has
    ``passed`` if the whole interval is on the right side of the bound, and failed if it is wholly on the other. None: the
    bound lies within the interval, or there is no interval, because too few rounds had a figure.

    An ``exact`` claim is one of counts that a single round settles: of what must never happen, or always.

    Raises:
        ValueError: the bound is not a finite number.
    """

    OPTIONAL: ClassVar[tuple[str, ...]] = ("low", "high")

    claim: str
    figure: str
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    relation: Relation
    bound: float
    exact: bool = False
    passed: bool | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.bound):
            raise ValueError(f"the bound of a check must be a finite number, not {self.bound}")


def check(claim: str, figure: str, relation: Relation, bound: float, unit: str = "", *, exact: bool = False) -> Check:
    """A check as a case declares it, in one line."""
    return Check(claim=claim, figure=figure, relation=relation, bound=bound, unit=unit, exact=exact)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One figure compared between runtimes, in ``unit``.

    ``values`` and ``ratios`` are by runtime; a ratio is that of the runtime's figure to Trio's of the same round.
    """

    figure: str
    label: str
    unit: str
    better: Literal["lower", "higher"]
    values: dict[str, Spread] = field(default_factory=dict)
    ratios: dict[str, Spread] = field(default_factory=dict)


def compared(figure: str, label: str, unit: str, better: Literal["lower", "higher"]) -> Compared:
    """A compared figure as a case declares it, in one line."""
    return Compared(figure=figure, label=label, unit=unit, better=better)
