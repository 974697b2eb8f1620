"""Where callers wait until they are served, refused, or leave: bounded in number, each bounded in time.

Pure: time is an argument, no event loop is imported, and nobody is woken here. Refused entries are put into a list of
`Refusal`s, and the owner of the room tells their callers. A discipline chooses who is next; no entry is served past its
deadline. The room counts the entries that come to it, and how each ended; who is admitted without waiting is its owner's
matter.
"""

from __future__ import annotations

from collections import OrderedDict
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import Generic, TypeVar

from ..errors import Overloaded, QueueFull, QueueTimeout, Shed
from .choice import Chosen, chosen
from .tally import Tallies


class Entry:
    """A caller that waits, or waited. Times in seconds, on the owner's clock."""

    __slots__ = ("arrived", "deadline", "entered", "kind", "patience", "priority", "ticket")

    ticket: int
    """In a waiting room: its own number there, if its deadline is before that of another which came earlier."""

    def __init__(self, kind: str, priority: int, now: float, patience: float | None) -> None:
        self.kind = kind
        self.priority = priority
        self.arrived = now
        self.entered = now  # when the place was given, once it was
        self.patience = patience
        self.deadline = inf if patience is None else now + patience


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
        """The most that have waited at once; its owner sees to those that wait elsewhere."""
        self._queue = chosen(discipline)
        self.learner = self._queue.learner
        """Who is told how callers end; the owner of the room tells of those that are served."""
        self._tallies = tallies
        self._shed: list[E] = []  # refused by the discipline during a `take`; empty otherwise
        # Most deadlines come in order, because callers may mostly wait equally long: a dict keeps those, at a third of the cost
        # of a heap. The others are in a heap. An entry that has left stays there until it comes to the top, or until more than
        # half of the heap has left; so it holds tickets only, for an entry may hold megabytes.
        self._in_order: OrderedDict[E, None] = OrderedDict()
        self._latest = -inf  # no deadline in the room is later; of two that are equal, the one in the dict came first
        self._timed: dict[int, E] = {}
        self._deadlines: list[tuple[float, int]] = []
        self._tickets = count()

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
        if entry.deadline != inf:
            if entry.deadline >= self._latest:
                self._latest = entry.deadline
                self._in_order[entry] = None
            else:
                entry.ticket = next(self._tickets)
                self._timed[entry.ticket] = entry
                heappush(self._deadlines, (entry.deadline, entry.ticket))
        if waiting >= self.peak:
            self.peak = waiting + 1

    def _forget(self, entry: E) -> None:
        self.count -= 1
        if entry.deadline != inf:
            if entry in self._in_order:
                del self._in_order[entry]
            else:
                del self._timed[entry.ticket]
                if len(self._deadlines) > 2 * len(self._timed) + _FORGOTTEN:
                    self._deadlines = [item for item in self._deadlines if item[1] in self._timed]
                    heapify(self._deadlines)
            if not (self._in_order or self._timed):
                self._latest = -inf

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
        return inf if (entry := self._first_to_expire()) is None else entry.deadline

    def _first_to_expire(self) -> E | None:
        deadlines = self._deadlines
        while deadlines and deadlines[0][1] not in self._timed:
            heappop(deadlines)
        other = self._timed[deadlines[0][1]] if deadlines else None
        first = next(iter(self._in_order), None)
        return first if first is not None and (other is None or first.deadline <= other.deadline) else other

    def expire(self, now: float, refusals: list[Refusal[E]]) -> None:
        """Refuse the entries whose deadline has passed."""
        while (entry := self._first_to_expire()) is not None and entry.deadline <= now:
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
        while (entry := self._queue.pop(-inf, [])) is not None:
            self._forget(entry)
            self._tallies[entry.kind].cancelled += 1
            left.append(entry)
        return left
