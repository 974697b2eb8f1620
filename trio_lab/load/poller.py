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
_EARLY = 0.0013
_LONGEST_BLOCK = 0.0015
# A fast server replies within microseconds, and a wait through Trio costs some 50. So a millisecond is waited without
# it, as long as that is rewarded; if not (a slow server, or one that lives in this very thread and needs it to reply),
# it is tried more and more seldom.
_MOST_ALOOF = 1024
_HOT_WAIT = 0.001
_SELECTABLE = 1024  # FD_SETSIZE: select() takes no descriptor from here on

Events = list[tuple[int, int]]


class Poller:
    """Owns the epoll. All times are of `time.perf_counter`."""

    __slots__ = ("_aloof", "_misses", "breathe_at", "epoll", "poll")

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.poll = self.epoll.poll  # poll(0): what is ready now
        self._breathed()
        self._aloof = 0  # waits to come that are not tried without Trio first
        self._misses = 1

    def close(self) -> None:
        self.epoll.close()

    async def breathe(self) -> None:
        """Let Trio run. To be called between two batches when ``breathe_at`` has come."""
        await trio.lowlevel.checkpoint()
        self._breathed()

    def _breathed(self) -> None:
        self.breathe_at = time.perf_counter() + _LONGEST_STRETCH

    async def wait(self, now: float, until: float, *, exact: bool) -> Events:
        """What became ready by ``until``, or nothing: within some 0.1 ms of it if ``exact``, else within 2 ms."""
        gap = until - now
        if gap <= 0.0:
            return []
        if exact and gap <= _LONGEST_BLOCK:
            fd = self.epoll.fileno()
            if fd < _SELECTABLE:  # beyond it, the caller comes back at once: busy for a millisecond, but exact
                select.select([fd], [], [], max(0.0, until - time.perf_counter()))
            return self.poll(0)
        if self._aloof:
            self._aloof -= 1
        elif gap > _LONGEST_BLOCK + _HOT_WAIT:
            ready = self.poll(_HOT_WAIT)
            if ready:
                self._misses = 1
                return ready
            self._misses = self._aloof = min(2 * self._misses, _MOST_ALOOF)
        with trio.move_on_after(max(0.0, gap - _EARLY if exact else gap)):
            await trio.lowlevel.wait_readable(self.epoll.fileno())
        self._breathed()
        return self.poll(0)
