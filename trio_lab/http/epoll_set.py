"""One epoll set of our own, for sockets that no task waits on.

An event loop watches a single descriptor, the set's, and calls `look` when it is readable. So a connection that has asked for
nothing, or whose request waits for a pool, needs neither a task nor a place in the loop's own selector.
"""

from __future__ import annotations

import select
from collections.abc import Callable


class EpollSet:
    """``told`` of a descriptor is called with its events. Closing a descriptor does not take it out: `remove` it before."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._told: dict[int, Callable[[int], object]] = {}

    def __len__(self) -> int:
        return len(self._told)

    def __contains__(self, descriptor: int) -> bool:
        return descriptor in self._told

    def __enter__(self) -> EpollSet:
        return self

    def __exit__(self, *_: object) -> None:
        self._epoll.close()

    def fileno(self) -> int:
        return self._epoll.fileno()

    def add(self, descriptor: int, events: int, told: Callable[[int], object]) -> None:
        self._epoll.register(descriptor, events)
        self._told[descriptor] = told

    def change(self, descriptor: int, events: int) -> None:
        self._epoll.modify(descriptor, events)

    def remove(self, descriptor: int) -> None:
        """Nothing changes if it was removed before."""
        if self._told.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def look(self) -> None:
        """Tell what has happened. Does not wait."""
        for descriptor, events in self._epoll.poll(0):
            told = self._told.get(descriptor)
            if told is not None:  # else what was told before has removed it
                told(events)
