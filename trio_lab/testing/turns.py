"""What falls on one moment of virtual time happens one after the other, in a defined order.

Trio runs tasks that wake at the same moment in an order that it does not promise. So each task that acts at a moment takes a
turn. The next turn is given when all that followed from the last one is done and all tasks wait; the clock cannot move
meanwhile. Deadlines of Trio's own scopes need no turn: at each moment they come before all tasks.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

import trio
from trio.testing import wait_all_tasks_blocked

from ..simulate.events import END, Events

DONE, START, REFUSED = -3, -2, -1
LAST = 1 << 60
"""Ranks of what follows from an event, before the next at the same moment: a caller gets its answer; work begins; a caller
that waited is refused. Those of events are in `simulate.events`; the `LAST` is after them all."""


class Turns:
    """Gives the turns of one moment, the lowest rank first, then the lowest number."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, trio.Event]] = []
        self._asked = trio.Event()

    async def take(self, rank: int, number: int) -> None:
        """Returns when it is this task's turn. No other may have the same rank and number."""
        turn = trio.Event()
        heappush(self._waiting, (rank, number, turn))
        self._asked.set()
        await turn.wait()

    async def give(self) -> None:
        """Give turns, until it is cancelled."""
        while True:
            await self._asked.wait()
            await wait_all_tasks_blocked()
            heappop(self._waiting)[2].set()
            if not self._waiting:
                self._asked = trio.Event()


class TimedTasks(Events):
    """Events of a simulation as tasks: each sleeps until its time, and takes its turn."""

    def __init__(self, nursery: trio.Nursery, turns: Turns) -> None:
        self.start = trio.current_time()
        self._nursery = nursery
        self._turns = turns
        self._next = count().__next__

    @property
    def now(self) -> float:  # type: ignore[override]  # here the clock says what time it is
        return trio.current_time()

    def at(self, time: float, act: Callable[[Any], object], subject: Any = None, rank: int = END) -> None:
        self._nursery.start_soon(self._happen, time, rank, self._next(), act, subject)

    async def _happen(self, time: float, rank: int, number: int, act: Callable[[Any], object], subject: Any) -> None:
        await trio.sleep_until(time)
        await self._turns.take(rank, number)
        act(subject)

    def run(self, until: float) -> None:
        raise NotImplementedError("here time passes by itself")
