"""An adaptive limit by name, for the argument ``limit`` of gates, pools and bulkheads."""

from __future__ import annotations

from typing import Literal, TypeAlias

from .limit import Limit
from .neighbours import Neighbours

ChosenLimit: TypeAlias = Limit | Literal["adaptive"] | None
"""What callers give as ``limit``: one of their own, "adaptive" for ours, or None for a capacity that stays."""


def make_limit(chosen: ChosenLimit, capacity: int, highest: int = 1000) -> Limit | None:
    """The limit that is meant; ours begins at ``capacity``, and ends at ``highest``.

    Raises:
        ValueError: it is neither.
    """
    if chosen is None or isinstance(chosen, Limit):
        return chosen
    if chosen != "adaptive":
        raise ValueError(f'limit must be "adaptive", an object or None, not {chosen!r}')
    return Neighbours(max(1, capacity), highest=max(1, capacity, highest))
