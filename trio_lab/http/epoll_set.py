"""One epoll set of our own, for sockets that no task waits on.

The event loop watches a single descriptor, that of the set, and calls `look` when it is readable. So a connection that has
sent nothing needs no task, and the end of a client is seen while its task waits for something else.
"""

from __future__ import annotations

import errno
import select
from collections.abc import Callable

_NO_ROOM = (errno.ENOSPC, errno.ENOMEM)  # the kernel bounds what all sets of a user watch together (epoll(7))


class EpollSet:
    """For each descriptor ``told`` is called with the events. Remove a descriptor before you close it."""

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

    def add(self, descriptor: int, events: int, told: Callable[[int], object]) -> bool:
        """False, and nothing is watched, if the kernel has no room for one more."""
        try:
            self._epoll.register(descriptor, events)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            return False
        self._told[descriptor] = told
        return True

    def change(self, descriptor: int, events: int) -> None:
        self._epoll.modify(descriptor, events)

    def remove(self, descriptor: int) -> None:
        """Nothing changes if it was removed before, or could not be added."""
        if self._told.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def look(self) -> bool:
        """Tell what has happened, without waiting. Returns whether anything has."""
        happened = self._epoll.poll(0)
        for descriptor, events in happened:
            told = self._told.get(descriptor)
            if told is not None:  # else an earlier call in this loop has removed it
                told(events)
        return bool(happened)
