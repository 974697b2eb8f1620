"""In which order those who wait are served. Small pure classes: no clock, no tasks; the time is an argument.

A discipline holds entries (anything hashable with ``arrived``, ``kind`` and ``priority``). Every operation costs the
same however many wait: entries are kept in ordered dicts, which give up any member, and either end, in constant time.

`Fifo` is fair and, under overload, wasteful: everybody waits as long as the queue is, and leaves. `Lifo` serves those
who came last, who are still there. `AdaptiveLifo` is the first while the queue is short and the second when it is not
(Facebook, "Fail at Scale", 2015). `CoDel` keeps the order and refuses some, so that the rest wait little (Nichols and
Jacobson, "Controlling Queue Delay", 2012). `ByPriority` and `FairShare` put such queues side by side.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Waiting(Protocol):
    """What a discipline must know of whoever waits. Times in seconds, on one clock."""

    arrived: float
    kind: str
    priority: int

    def __hash__(self) -> int: ...


W = TypeVar("W", bound=Waiting)


class Discipline(Protocol[W]):
    """An order of service. Not every entry that was pushed comes out by `pop`: some leave, some are refused."""

    def push(self, entry: W) -> None: ...

    def pop(self, now: float, refused: list[W]) -> W | None:
        """The next to be served, None when nobody waits. Whom the discipline refuses on the way goes to ``refused``."""

    def remove(self, entry: W) -> None:
        """Take out one that waits. Raises KeyError when it does not."""

    def __len__(self) -> int: ...


class Fifo(Generic[W]):
    """First come, first served."""

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
    """Controlled delay: when waits have exceeded ``target`` for a whole ``interval``, refuse from the head of the queue,
    the more often the longer it lasts, until waits are short again. Bursts shorter than the interval pass untouched.

    Both in seconds; the defaults are the article's for a network. For jobs, the target is a small part of the callers'
    patience and the interval about that patience.
    """

    def __init__(self, target: float = 0.005, interval: float = 0.1) -> None:
        super().__init__()
        self._target = target
        self._interval = interval
        self._above_since = math.inf  # when waits began to exceed the target; infinite while they do not
        self._dropping = False
        self._drops = 0
        self._next_drop = 0.0

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
            # Soon after the last time it goes on at about the rate it had reached; the load has hardly changed.
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
    """A queue of its own for each priority; a higher one is served before all lower ones."""

    def __init__(self, make: Callable[[], Discipline[W]] = Fifo) -> None:
        self._make = make
        self._queues: dict[int, Discipline[W]] = {}
        self._order: list[int] = []  # priorities that were ever used, highest first

    def push(self, entry: W) -> None:
        if entry.priority not in self._queues:
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
    """A queue of its own for each kind; the kinds that wait are served in turn, however many of each wait."""

    def __init__(self, make: Callable[[], Discipline[W]] = Fifo) -> None:
        self._make = make
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
