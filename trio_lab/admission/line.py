"""A line of entries: the oldest, or any other, is taken in constant time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

W = TypeVar("W")

_HOLES = 16  # empty places that are always allowed


class Line(dict[W, int]):
    """Entries in the order in which they came, each with its index in a list. Those that were taken out leave holes there,
    which are closed from time to time."""

    __slots__ = ("_entries", "_first")

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[W | None] = []
        self._first = 0  # before it are holes only

    def add(self, entry: W) -> None:
        self[entry] = len(self._entries)
        self._entries.append(entry)

    def remove(self, entry: W) -> None:
        """Raises KeyError if it is not here."""
        entries = self._entries
        entries[self.pop(entry)] = None
        if len(entries) > 2 * len(self) + _HOLES:
            self._entries = [*self]
            self.update(zip(self, range(len(self)), strict=True))
            self._first = 0

    def oldest(self) -> W:
        """Raises IndexError if the line is empty."""
        entries, first = self._entries, self._first
        while (entry := entries[first]) is None:
            first += 1
        self._first = first
        return entry

    def oldest_few(self, count: int) -> Iterator[W]:
        """At most so many, the oldest first. The line must not change meanwhile."""
        entries = self._entries
        places = range(self._first, len(entries))
        return islice((entry for place in places if (entry := entries[place]) is not None), count)

    def youngest(self) -> W:
        """Raises IndexError if the line is empty."""
        entries = self._entries
        while (entry := entries[-1]) is None:
            entries.pop()
        return entry

    def any(self, random: Callable[[], float]) -> W:
        """One of them, each as likely as the others. ``random`` gives numbers from 0 to less than 1."""
        entries, first = self._entries, self._first
        count = len(entries) - first
        while (entry := entries[first + int(random() * count)]) is None:
            pass
        return entry
