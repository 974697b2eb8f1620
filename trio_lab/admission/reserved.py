"""A place that was asked for and given before the task began that is to use it.

To wait in a task costs more than the rest of the wait, so a server may ask for places without one (`BaseBulkhead.ask`), and
start the task when the place is given. The task then goes the usual way; where it enters the bulkhead, it gets the place
that it has already.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .gate import Gate, Place


class Reserved:
    """One such place. It is taken once."""

    __slots__ = ("_place",)

    def __init__(self, place: Place) -> None:
        self._place: Place | None = place

    def take(self, gate: Gate | None = None) -> Place | None:
        """The place if it is of this gate (None: of any), and was not taken yet."""
        place = self._place
        if place is None or (gate is not None and place.gate is not gate):
            return None
        self._place = None
        return place


RESERVED: ContextVar[Reserved | None] = ContextVar("trio_lab_reserved", default=None)
"""That of the current task."""


def reserved_at(gate: Gate) -> Place | None:
    """The place of this gate that the current task has already; it is taken with this."""
    reserved = RESERVED.get()
    return None if reserved is None else reserved.take(gate)
