"""Query values of the lab's routes: read strictly, with an error text that is meant for the sender."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from .contract import Number


class Query(Protocol):
    """What we need of a request's arguments (werkzeug's MultiDict has it)."""

    def getlist(self, key: str) -> list[str]: ...


class BadQuery(ValueError):
    """A query value that cannot be accepted; the text is meant for the sender."""


def _single(query: Query, name: str) -> str | None:
    values = query.getlist(name)
    if len(values) > 1:
        raise BadQuery(f"{name} must be given once")
    return values[0] if values else None


def integer(query: Query, name: str, numbers: Mapping[str, Number]) -> int:
    """The value of ``name``, or the default when it is absent. ``numbers`` are the numeric parameters of the route.

    Python's own `int` accepts too much for input from outside: signs, spaces, underscores and full-width digits. And its
    time grows with the square of the length.

    Raises:
        BadQuery: it is repeated, empty, not a plain decimal integer, or outside low…high.
    """
    number, text = numbers[name], _single(query, name)
    if text is None:
        return number.default
    plain = text.isascii() and text.isdigit() and len(text) <= len(str(number.high))
    if not (plain and number.low <= int(text) <= number.high):
        raise BadQuery(f"{name} must be a whole number from {number.low} to {number.high}")
    return int(text)


def choice(query: Query, name: str, choices: Mapping[str, tuple[str, ...]]) -> str:
    """The value of ``name``, or its first choice when it is absent. ``choices`` are those of the route.

    Raises:
        BadQuery: it is repeated, or none of the choices.
    """
    of, text = choices[name], _single(query, name)
    if text is None:
        return of[0]
    if text not in of:
        raise BadQuery(f"{name} must be one of {', '.join(of)}")
    return text
