"""A listening socket from which several processes accept.

Whoever wakes first gets a connection, and that need not be the process that has the fewest: one that was just started has none,
and gets no more than the others. With connections that are kept this stays so. So each process writes down how many connections
it has, in memory that all share, and one that has clearly more than another waits a moment before it accepts. It is only a
moment, because the other one may be blocked, or stopped.
"""

from __future__ import annotations

import mmap
import os
import struct

from ..worker import lifeline

_COUNT = struct.Struct("=Q")  # connections and one; 0 where there is no process
SIZE = mmap.PAGESIZE
"""Bytes of the shared memory, for up to 512 processes."""


class Shared:
    """``counts`` is memory of `SIZE` bytes, ``own`` the number of this process in it. ``others_go_on``: they accept after this
    one has ended, so the connections in the backlog are theirs."""

    GIVES_WAY = 0.001  # seconds

    def __init__(self, counts: mmap.mmap | None = None, own: int = 0) -> None:
        self._counts, self._own = counts or mmap.mmap(-1, SIZE), own
        self.others_go_on = False

    def has(self, connections: int) -> None:
        """So many connections does this process have."""
        _COUNT.pack_into(self._counts, _COUNT.size * self._own, connections + 1)

    def leave(self) -> None:
        """This process accepts no more."""
        clear(self._counts, self._own)

    @property
    def has_more(self) -> bool:
        """Whether another process has clearly fewer connections: by two, and by an eighth."""
        counts = [count - 1 for (count,) in _COUNT.iter_unpack(self._counts) if count]
        (own,) = _COUNT.unpack_from(self._counts, _COUNT.size * self._own)
        least = min(counts, default=0)
        return bool(own - 1 >= least + 2 + least // 8)


def clear(counts: mmap.mmap, number: int) -> None:
    """There is no such process any more."""
    _COUNT.pack_into(counts, _COUNT.size * number, 0)


class Counts:
    """The memory, and the ``descriptor`` of it, as its owner has them. Forked processes close it."""

    def __init__(self) -> None:
        self.descriptor = lifeline.keep(os.memfd_create("trio_lab connections", os.MFD_CLOEXEC))
        os.ftruncate(self.descriptor, SIZE)
        self._memory = mmap.mmap(self.descriptor, SIZE)

    def clear(self, number: int) -> None:
        """A process has ended."""
        clear(self._memory, number)

    def close(self) -> None:
        self._memory.close()
        lifeline.close(self.descriptor)
