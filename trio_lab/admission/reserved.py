"""What a request has asked for without a task, and the task that then uses it.

To wait in a task costs more than the rest of the wait. So a server may ask a bulkhead for a place, or give a job to a pool,
without one (`AskedPlace`, `pools.asked`), and start the task when the place is given or the job has ended. The task then goes
the usual way; where it enters the bulkhead or the pool, it gets what was `Reserved` for it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ..measure.ledger import Ledger
from .gate import WAITING, Place


class Reserved:
    """A place of a gate, or a job of a pool. The task takes it where it enters it, once; if it does not, ``give_back`` does."""

    __slots__ = ("_entered", "_give_back", "_reserved")

    def __init__(self, reserved: Any, entered: object, give_back: Callable[[], object]) -> None:
        self._reserved = reserved
        self._entered = entered
        self._give_back = give_back

    def take(self, entered: object) -> Any:
        """What was reserved at this gate or pool; None if it is another's, or was taken before."""
        if entered is not self._entered:
            return None
        reserved, self._reserved = self._reserved, None
        return reserved

    def give_back(self) -> None:
        """Give it back, unless it was taken."""
        if self._reserved is not None:
            self._reserved = None
            self._give_back()


RESERVED: ContextVar[Reserved | None] = ContextVar("trio_lab_reserved", default=None)
"""That of the current task."""


def reserved_at(entered: object) -> Any:
    """What the current task has at this gate or pool already; it is taken with this."""
    reserved = RESERVED.get()
    return None if reserved is None else reserved.take(entered)


class AskedPlace:
    """A place of a bulkhead that was asked for without a task: see `BaseBulkhead.ask`, which gave it."""

    __slots__ = ("_give_up", "_place")

    refusal = None

    def __init__(self, place: Place, *, give_up: Callable[[Place], object]) -> None:
        self._place = place
        self._give_up = give_up

    @property
    def waits(self) -> bool:
        return self._place.state is WAITING

    @property
    def due(self) -> float:
        """When `BaseBulkhead.expire` is to be called, if it still waits."""
        return self._place.deadline

    def give_up(self, _: Ledger) -> None:
        """The caller has left."""
        self._give_up(self._place)

    def reserve(self) -> Reserved:
        """The place, which was given, for the task that uses it."""
        return Reserved(self._place, self._place.gate, lambda: self._give_up(self._place))
