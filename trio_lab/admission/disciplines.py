"""Disciplines: the order in which waiting callers are served. Small pure classes; time is an argument.

A discipline holds entries (anything hashable with ``arrived``, ``kind`` and ``priority``). The cost of an operation does
not depend on how many wait: entries are kept in ordered dicts, from which any member can be taken in constant time.

`Fifo` is fair, and wasteful under overload: every caller waits for the whole queue, and many leave before their turn.
`Lifo` serves the newest, whose callers are still there. `AdaptiveLifo` is the first while the queue is short and the
second while it is long (Facebook, "Fail at Scale", 2015). `CoDel` keeps the order and refuses some callers, so that the
others wait only briefly (Nichols and Jacobson, "Controlling Queue Delay", 2012). `ByPriority` and `FairShare` keep
several such queues, one for each priority or kind. The default is none of these but `ByPatience`, in `by_patience`;
`choice` has all by name.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Waiting(Protocol):
    """What a discipline must know of an entry. Times in seconds, on one clock."""

    arrived: float
    deadline: float
    """When it will have waited too long, infinite for never."""
    kind: str
    priority: int

    def __hash__(self) -> int: ...


W = TypeVar("W", bound=Waiting)


class Learner(Protocol):
    """Is told how the callers of a queue end, also those that did not have to wait. It is not told of those that were
    refused on arrival, nor of jobs that died with their worker."""

    def left(self, entry: Waiting, now: float) -> None:
        """Its caller has left while it waited or was served. In the second case `ran` follows."""

    def ran(self, entry: Waiting, seconds: float) -> None:
        """Its service has ended, or was ended, after its caller had left or was told that it takes too long."""

    def stayed(self, entry: Waiting, now: float) -> None:
        """It was refused after a wait, by the discipline or because its time was over; or it was told that its service takes
        too long. In that case `ran` follows."""

    def served(self, entry: Waiting, now: float, seconds: float) -> None:
        """Its service has ended, which took so long, and its caller was there."""


class Discipline(Protocol[W]):
    """An order of service. An entry that was pushed comes out of `pop`, is refused by it, or is removed."""

    @property
    def learner(self) -> Learner | None:
        """Who wants to be told how callers end; None if nobody does."""

    def push(self, entry: W) -> None: ...

    def pop(self, now: float, refused: list[W]) -> W | None:
        """The next to be served, None if there is none. Entries that the discipline refuses are put into ``refused``."""

    def remove(self, entry: W) -> None:
        """Take out an entry. Raises KeyError if it is not here."""

    def __len__(self) -> int: ...


class Fifo(Generic[W]):
    """First come, first served."""

    learner: Learner | None = None
    """Who is told how callers end: see `Discipline.learner`."""

    def __init__(self) -> None:
        self._entries: OrderedDict[W, None] = OrderedDict()

    def push(self, entry: W) -> None:
        self._entries[entry] = None

    def pop(self, now: float, refused: list[W]) -> W | None:
        return self._entries.popitem(last=False)[0] if self._entries else None

    def remove(self, entry: W) -> None:
        del self._entries[entry]

    def __len__(self) -> int:
        return len(self._entries)


class Lifo(Fifo[W]):
    """Last come, first served."""

    def pop(self, now: float, refused: list[W]) -> W | None:
        return self._entries.popitem()[0] if self._entries else None


class AdaptiveLifo(Fifo[W]):
    """First come, first served, until more than ``threshold`` wait; then last come, first served."""

    def __init__(self, threshold: int) -> None:
        super().__init__()
        self._threshold = threshold

    def pop(self, now: float, refused: list[W]) -> W | None:
        if not self._entries:
            return None
        return self._entries.popitem(last=len(self._entries) > self._threshold)[0]


class CoDel(Fifo[W]):
    """Controlled delay: once waits have exceeded ``target`` for a whole ``interval``, refuse entries from the head of the
    queue, more and more often, until waits are short again or nobody waits. Bursts shorter than the interval are not affected.

    Both in seconds. The defaults are the article's, for network packets. For jobs choose a small part of the callers'
    patience as target, and about that patience as interval.
    """

    def __init__(self, target: float = 0.005, interval: float = 0.1) -> None:
        super().__init__()
        self._target = target
        self._interval = interval
        self._above_since = math.inf  # when waits began to exceed the target; infinite while they are short
        self._dropping = False
        self._drops = 0
        self._next_drop = 0.0

    def push(self, entry: W) -> None:
        if not self._entries:  # nobody waited, for nobody knows how long: it was not asked for entries then
            self._above_since = math.inf
        super().push(entry)

    def pop(self, now: float, refused: list[W]) -> W | None:
        entry = super().pop(now, refused)
        standing = self._is_standing(entry, now)
        if self._dropping:
            while entry is not None and standing and now >= self._next_drop:
                refused.append(entry)
                self._drops += 1
                self._next_drop += self._interval / math.sqrt(self._drops)
                entry = super().pop(now, refused)
                standing = self._is_standing(entry, now)
            self._dropping = standing
        elif entry is not None and standing:
            refused.append(entry)
            # Shortly after the last time, go on at about the rate reached then: the load has hardly changed.
            recently = now - self._next_drop < self._interval
            self._drops = self._drops - 2 if recently and self._drops > 2 else 1
            self._next_drop = now + self._interval / math.sqrt(self._drops)
            self._dropping = True
            entry = super().pop(now, refused)
        return entry

    def _is_standing(self, entry: W | None, now: float) -> bool:
        """Whether waits have been too long for a whole interval."""
        if entry is None or now - entry.arrived < self._target:
            self._above_since = math.inf
            return False
        if self._above_since == math.inf:
            self._above_since = now
        return now - self._above_since >= self._interval


class ByPriority(Generic[W]):
    """One queue for each priority. A higher priority is served before all lower ones.

    ``learner`` is that of the queues which ``make`` makes.
    """

    def __init__(self, make: Callable[[], Discipline[W]] = Fifo, learner: Learner | None = None) -> None:
        self._make = make
        self.learner = learner
        self._queues: dict[int, Discipline[W]] = {}
        self._order: list[int] = []  # priorities used so far, highest first

    def push(self, entry: W) -> None:
        if entry.priority not in self._queues:
            if not isinstance(entry.priority, int):
                raise TypeError(f"a priority must be a whole number, not {entry.priority!r}")
            self._queues[entry.priority] = self._make()
            self._order = sorted(self._queues, reverse=True)
        self._queues[entry.priority].push(entry)

    def pop(self, now: float, refused: list[W]) -> W | None:
        for priority in self._order:
            if (entry := self._queues[priority].pop(now, refused)) is not None:
                return entry
        return None

    def remove(self, entry: W) -> None:
        self._queues[entry.priority].remove(entry)

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))


class FairShare(Generic[W]):
    """One queue for each kind. The kinds are served in turn, however many entries of each wait.

    ``learner`` is that of the queues which ``make`` makes.
    """

    def __init__(self, make: Callable[[], Discipline[W]] = Fifo, learner: Learner | None = None) -> None:
        self._make = make
        self.learner = learner
        self._turns: OrderedDict[str, Discipline[W]] = OrderedDict()  # kinds that wait, next turn first
        self._waiting = 0

    def push(self, entry: W) -> None:
        queue = self._turns.get(entry.kind)
        if queue is None:
            queue = self._turns[entry.kind] = self._make()
        queue.push(entry)
        self._waiting += 1

    def pop(self, now: float, refused: list[W]) -> W | None:
        while self._turns:
            kind, queue = next(iter(self._turns.items()))
            before = len(queue)
            entry = queue.pop(now, refused)
            self._waiting -= before - len(queue)
            if len(queue):
                self._turns.move_to_end(kind)
            else:
                del self._turns[kind]
            if entry is not None:
                return entry
        return None

    def remove(self, entry: W) -> None:
        queue = self._turns[entry.kind]
        queue.remove(entry)
        self._waiting -= 1
        if not len(queue):
            del self._turns[entry.kind]

    def __len__(self) -> int:
        return self._waiting
