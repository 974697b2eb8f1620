"""A place that was asked for and given before the task began that is to use it.

To wait in a task costs more than the rest of the wait, so a server may ask for places without one (`BaseBulkhead.ask`), and
start the task when the place is given. The task then goes the usual way; where it enters the bulkhead, it gets the place
that it has already.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .gate import Gate, Place


class Reserved:
    """One such place. It is taken once, or given back by ``give_back``."""

    __slots__ = ("_give_back", "_place")

    def __init__(self, place: Place, give_back: Callable[[Place], None]) -> None:
        self._place: Place | None = place
        self._give_back = give_back

    def take(self, gate: Gate) -> Place | None:
        """The place if it is of this gate, and was not taken yet."""
        place = self._place
        if place is None or place.gate is not gate:
            return None
        self._place = None
        return place

    def give_back(self) -> None:
        """Give the place back, unless it was taken."""
        if (place := self._place) is not None:
            self._place = None
            self._give_back(place)


RESERVED: ContextVar[Reserved | None] = ContextVar("trio_lab_reserved", default=None)
"""That of the current task."""


def reserved_at(gate: Gate) -> Place | None:
    """The place of this gate that the current task has already; it is taken with this."""
    reserved = RESERVED.get()
    return None if reserved is None else reserved.take(gate)
