"""A small language for what a JSON value must be like. What is wrong is told in lines that say where.

A shape is one of:

- a dict: an object with exactly these keys, each value of its shape;
- a list: an array of exactly these items, in this order;
- `Each`: an array whose items are all of one shape;
- `First`: an array that begins with these items, in this order, and whose others are all of one shape;
- `Both`: of two shapes at once;
- `Is`: a value of which something holds;
- anything else: that very value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Shape = Any


@dataclass(frozen=True, slots=True)
class Is:
    what: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Each:
    shape: Shape


@dataclass(frozen=True, slots=True)
class First:
    items: list[Shape]
    others: Shape


@dataclass(frozen=True, slots=True)
class Both:
    first: Shape
    second: Shape


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


# JSON has one kind of number: a duration of 5.0 is 5 where it was written by JavaScript.
NUMBER = Is("a number, 0 or more", _is_number)
COUNT = Is("a whole number, 0 or more", lambda value: _is_number(value) and isinstance(value, int))
SHARE = Is("a share from 0 to 1", lambda value: _is_number(value) and value <= 1)
TEXT = Is("a text", lambda value: isinstance(value, str) and value != "")

NOT_OBSERVED = "not observed"


def or_not_observed(shape: Is) -> Is:
    return Is(f"{shape.what}, or {NOT_OBSERVED!r}", lambda value: value == NOT_OBSERVED or shape.holds(value))


def mentions(word: str) -> Is:
    return Is(f"a text with {word!r} in it", lambda value: isinstance(value, str) and word in value)


def complaints(value: Any, shape: Shape, at: str = "") -> list[str]:
    """Every place where ``value`` is not of ``shape``, a line each; none when it is."""
    match shape:
        case dict():
            return _of_object(value, shape, at)
        case list():
            return _of_array(value, shape, at)
        case Each(shape=item):
            if not isinstance(value, list):
                return [f"{_here(at)} is {_short(value)}, not an array"]
            return _of_array(value, [item] * len(value), at)
        case First(items=items, others=other):
            more = len(value) - len(items) if isinstance(value, list) else 0
            return _of_array(value, items + [other] * more, at)
        case Both(first=first, second=second):
            return complaints(value, first, at) or complaints(value, second, at)
        case Is(what=what, holds=holds):
            return [] if holds(value) else [f"{_here(at)} is {_short(value)}, not {what}"]
        case _:
            same = value == shape and isinstance(value, bool) == isinstance(shape, bool)
            return [] if same else [f"{_here(at)} is {_short(value)}, not {shape!r}"]


def _of_object(value: Any, shape: dict[str, Shape], at: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{_here(at)} is {_short(value)}, not an object"]
    found = [f"{_under(at, key)} is missing" for key in shape if key not in value]
    found += [f"{_under(at, key)} is not in the contract" for key in value if key not in shape]
    for key in shape.keys() & value.keys():
        found += complaints(value[key], shape[key], _under(at, key))
    return sorted(found)


def _of_array(value: Any, items: list[Shape], at: str) -> list[str]:
    if not isinstance(value, list) or len(value) != len(items):
        return [f"{_here(at)} is {_short(value)}, not an array of {len(items)}"]
    return [line for n, item in enumerate(items) for line in complaints(value[n], item, f"{at}[{n}]")]


def _under(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key


def _here(at: str) -> str:
    return at or "it"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
