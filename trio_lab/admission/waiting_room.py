"""Where callers wait until they are served, refused, or leave: bounded in number, each bounded in time.

Pure: time is an argument, no event loop is imported, and nobody is woken here. Refused entries are put into a list of
`Refusal`s, and the owner of the room tells their callers. A discipline chooses who is next; no entry is served past its
deadline. The room counts the entries that come to it, and how each ended; who is admitted without waiting is its owner's
matter.
"""

from __future__ import annotations

import itertools
import math
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

from ..errors import Overloaded, QueueFull, QueueTimeout, Shed
from .choice import Chosen, chosen
from .tally import Tallies


class Entry:
    """A caller that waits, or waited. Times in seconds, on the owner's clock."""

    __slots__ = ("arrived", "deadline", "entered", "kind", "patience", "priority", "ticket")

    ticket: int
    """In a waiting room: its own number there, if it has a deadline."""

    def __init__(self, kind: str, priority: int, now: float, patience: float | None) -> None:
        self.kind = kind
        self.priority = priority
        self.arrived = now
        self.entered = now  # when the place was given, once it was
        self.patience = patience
        self.deadline = math.inf if patience is None else now + patience


_FORGOTTEN = 64  # deadlines of entries that have left, from which on it is worth to look for them

E = TypeVar("E", bound=Entry)

Refusal = tuple[E, Overloaded]
"""An entry that no longer waits, and the error that says why."""


class WaitingRoom(Generic[E]):
    """The queue named ``name``, for at most ``max_waiting`` entries (None: no bound)."""

    def __init__(self, name: str, *, max_waiting: int | None, discipline: Chosen[E], tallies: Tallies) -> None:
        self.name = name
        self.max_waiting = max_waiting
        self.count = 0
        """Entries that wait."""
        self.peak = 0
        self._queue = chosen(discipline)
        self.learner = self._queue.learner
        """Who is told how callers end; the owner of the room tells of those that are served."""
        self._tallies = tallies
        self._shed: list[E] = []  # refused by the discipline during a `take`; empty otherwise
        # Most entries are served before their deadline, so what has left stays in the heap until it comes to the top, or
        # until the heap is mostly that. The heap holds tickets only: an entry may hold megabytes.
        self._timed: dict[int, E] = {}
        self._deadlines: list[tuple[float, int]] = []
        self._tickets = itertools.count()

    def add(self, entry: E, waiting: int) -> None:
        """Let an entry wait, with ``waiting`` others that count against the bound.

        Raises:
            QueueFull: ``max_waiting`` entries wait already.
        """
        tally = self._tallies[entry.kind]
        if self.max_waiting is not None and waiting >= self.max_waiting:
            tally.arrivals += 1
            tally.rejected += 1
            raise QueueFull(self.name)
        self._queue.push(entry)  # first of all: a discipline may refuse what it cannot put in order
        tally.arrivals += 1
        self.count += 1
        if entry.deadline != math.inf:
            entry.ticket = next(self._tickets)
            self._timed[entry.ticket] = entry
            heappush(self._deadlines, (entry.deadline, entry.ticket))
        if waiting >= self.peak:
            self.peak = waiting + 1

    def _forget(self, entry: E) -> None:
        self.count -= 1
        if entry.deadline != math.inf:
            del self._timed[entry.ticket]
            if len(self._deadlines) > 2 * len(self._timed) + _FORGOTTEN:
                self._deadlines = [item for item in self._deadlines if item[1] in self._timed]
                heapify(self._deadlines)

    def take(self, now: float, refusals: list[Refusal[E]]) -> E | None:
        """The next to be served, None if there is none. Entries that are past their deadline, or that the discipline
        sheds, are put into ``refusals``."""
        shed = self._shed
        entry: E | None
        while (entry := self._queue.pop(now, shed)) is not None:
            self._forget(entry)
            if entry.deadline > now:
                break
            self._time_out(entry, now, refusals)  # its own timer has not run yet: the loop was late
        while shed:
            refused = shed.pop()
            self._forget(refused)
            self._tallies[refused.kind].rejected += 1
            if self.learner is not None:
                self.learner.stayed(refused, now)
            refusals.append((refused, Shed(self.name)))
        return entry

    def remove(self, entry: E, now: float) -> None:
        """Its caller has left: a timeout if its deadline has passed, else a cancellation."""
        self._queue.remove(entry)
        self._forget(entry)
        timed_out = entry.deadline <= now
        self._tallies[entry.kind].give_up(timed_out=timed_out)
        if self.learner is not None:
            if timed_out:
                self.learner.stayed(entry, now)
            else:
                self.learner.left(entry, now)

    def next_deadline(self) -> float:
        """When the next entry will have waited too long; infinite when none will."""
        deadlines = self._deadlines
        while deadlines and deadlines[0][1] not in self._timed:
            heappop(deadlines)
        return deadlines[0][0] if deadlines else math.inf

    def expire(self, now: float, refusals: list[Refusal[E]]) -> None:
        """Refuse the entries whose deadline has passed."""
        while self.next_deadline() <= now:
            entry = self._timed[self._deadlines[0][1]]
            self._queue.remove(entry)
            self._forget(entry)
            self._time_out(entry, now, refusals)

    def _time_out(self, entry: E, now: float, refusals: list[Refusal[E]]) -> None:
        self._tallies[entry.kind].timed_out += 1
        if self.learner is not None:
            self.learner.stayed(entry, now)
        refusals.append((entry, QueueTimeout(self.name)))

    def clear(self) -> list[E]:
        """Take out all entries and return them, counted as cancelled: the queue is being closed."""
        left = []
        while (entry := self._queue.pop(-math.inf, [])) is not None:
            self._forget(entry)
            self._tallies[entry.kind].cancelled += 1
            left.append(entry)
        return left
