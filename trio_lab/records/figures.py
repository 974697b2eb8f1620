"""Figures: what a case measures, each under a name that was declared before anything ran.

A case declares its figures as a frozen dataclass with a field for each or, where the names follow from a sweep, as a tuple
of names. A check of an undeclared figure is an error when the case is imported. A result that lacks a declared figure, or
has an undeclared one, is an error when it was measured. So a mistyped name never passes for "not enough data". A figure
that was not measured is None.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol

Figures = Mapping[str, float | None]


class FigureRecord(Protocol):
    """A dataclass that has a figure in every field."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Declared = type[FigureRecord] | tuple[str, ...]
Found = FigureRecord | Figures


def names_of(declared: Declared) -> tuple[str, ...]:
    """The names of the figures that a case declares.

    Raises:
        ValueError: a name is declared twice.
    """
    names = declared if isinstance(declared, tuple) else tuple(field.name for field in dataclasses.fields(declared))
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"declared twice: {', '.join(sorted(twice))}")
    return names


def as_figures(found: Found) -> dict[str, float | None]:
    """The figures by name, from a dataclass or a mapping."""
    if isinstance(found, Mapping):
        return dict(found)
    return {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}


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
