"""One epoll of our own for all connections, and waiting for it without leaving Trio.

A Trio stream for each connection would cost a task switch, a pass of the run loop and several system calls a request,
some 100 µs. So a single task owns a private epoll, takes everything that is ready in one go, and only when nothing is
does it wait, through Trio: an epoll descriptor is itself readable when one of its members is ready.
"""

from __future__ import annotations

import select
import time

import trio

# A batch can follow a batch for as long as the server keeps up; cancellation and the other tasks get in this often.
_LONGEST_STRETCH = 0.01
# Trio's timers end on the next whole millisecond. For an exact moment its wait ends this much early, and the rest is
# waited for in select(), which takes microseconds. This blocks the thread, hence the bound.
_EARLY = 0.001
_LONGEST_BLOCK = 0.0015
_SELECTABLE = 1024  # FD_SETSIZE: select() takes no descriptor from here on

Events = list[tuple[int, int]]


class Poller:
    """Owns the epoll. All times are of `time.perf_counter`."""

    __slots__ = ("_yielded", "epoll", "poll")

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.poll = self.epoll.poll  # poll(0): what is ready now
        self._yielded = time.perf_counter()

    def close(self) -> None:
        self.epoll.close()

    async def breathe(self, now: float) -> None:
        """Between two batches: let Trio run if it has not for a while."""
        if now - self._yielded > _LONGEST_STRETCH:
            await trio.lowlevel.checkpoint()
            self._yielded = time.perf_counter()

    async def wait(self, now: float, until: float, *, exact: bool) -> None:
        """Return when a connection is ready, or at ``until``: within some 0.1 ms of it if ``exact``, else within 2 ms."""
        gap = until - now
        if exact and gap <= _LONGEST_BLOCK:
            await self.breathe(now)
            fd = self.epoll.fileno()
            if fd < _SELECTABLE:  # beyond it, the caller comes back at once: busy for a millisecond, but exact
                select.select([fd], [], [], max(0.0, until - time.perf_counter()))
            return
        with trio.move_on_after(max(0.0, gap - _EARLY if exact else gap)):
            await trio.lowlevel.wait_readable(self.epoll.fileno())
        self._yielded = time.perf_counter()
