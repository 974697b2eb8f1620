"""Ratios of figures that were measured in turn.

Two figures are only compared when they come from the same round: what the machine did to one it likely did to the other.
The order within a round turns by one each time, so that no contestant always follows the same one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Ours ÷ theirs, round by round.

    Raises:
        ValueError: not as many rounds of the one as of the other.
        ZeroDivisionError: a peer did nothing at all in a round.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} rounds of ours, {len(theirs)} of theirs")
    if 0 in theirs:
        raise ZeroDivisionError("a peer's figure is zero: it did not work")
    return [mine / its for mine, its in zip(ours, theirs, strict=True)]


def order_of_round(names: Sequence[T], number: int) -> list[T]:
    """The order of a round: A B C, then B C A, then C A B."""
    turn = number % max(1, len(names))
    return [*names[turn:], *names[:turn]]
