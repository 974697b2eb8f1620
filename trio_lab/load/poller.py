"""One epoll of our own for all connections, and how to wait for it inside Trio.

A Trio stream for each connection would cost a task switch, a pass of the run loop and several system calls a request,
some 100 µs. So a single task owns a private epoll, takes everything that is ready in one go, and only when nothing is
does it wait, through Trio: an epoll descriptor is itself readable when one of its members is ready.
"""

from __future__ import annotations

import select
import time

import trio

# Seconds. One batch follows another for as long as the server keeps up: cancellation and other tasks get a turn this often.
_YIELD_EVERY = 0.01
# Trio's timers end on the next whole millisecond. For an exact moment its wait ends this much early, and the rest is
# waited for in select(), which takes microseconds. This blocks the thread, hence the bound.
_EARLY = 0.0013
_LONGEST_BLOCK = 0.0015
# A fast server replies within microseconds, and a wait through Trio costs some 50. So first the epoll alone is waited for,
# for a millisecond. When that finds nothing (a slow server, or one that runs in this very thread and needs it to reply),
# it is skipped for the next waits, twice as many each time.
_MAX_SKIPPED_POLLS = 1024
_HOT_WAIT = 0.001
_SELECTABLE = 1024  # FD_SETSIZE: select() takes no descriptor from here on

Events = list[tuple[int, int]]


class Poller:
    """Owns the epoll. All times are of `time.perf_counter`."""

    __slots__ = ("_misses", "_skipped_polls", "epoll", "poll", "yield_at")

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.poll = self.epoll.poll  # poll(0): what is ready now
        self._yielded()
        self._skipped_polls = 0  # how many of the next waits go through Trio at once
        self._misses = 1

    def close(self) -> None:
        self.epoll.close()

    async def yield_now(self) -> None:
        """Let Trio run other tasks. Call it between two batches from ``yield_at`` on."""
        await trio.lowlevel.checkpoint()
        self._yielded()

    def _yielded(self) -> None:
        self.yield_at = time.perf_counter() + _YIELD_EVERY

    async def wait(self, now: float, until: float, *, exact: bool) -> Events:
        """What became ready by ``until``, or nothing: within some 0.1 ms of it if ``exact``, else within 2 ms."""
        gap = until - now
        if gap <= 0.0:
            return []
        if exact and gap <= _LONGEST_BLOCK:
            fd = self.epoll.fileno()
            if fd < _SELECTABLE:  # else the caller polls again at once: busy for a millisecond, but exact
                select.select([fd], [], [], max(0.0, until - time.perf_counter()))
            return self.poll(0)
        if self._skipped_polls:
            self._skipped_polls -= 1
        elif gap > _LONGEST_BLOCK + _HOT_WAIT:
            ready = self.poll(_HOT_WAIT)
            if ready:
                self._misses = 1
                return ready
            self._misses = self._skipped_polls = min(2 * self._misses, _MAX_SKIPPED_POLLS)
        with trio.move_on_after(max(0.0, gap - _EARLY if exact else gap)):
            await trio.lowlevel.wait_readable(self.epoll.fileno())
        self._yielded()
        return self.poll(0)
