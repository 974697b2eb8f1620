"""One epoll of our own for all connections, and how to wait for it inside Trio.

A Trio stream for each connection would cost a task switch, a pass of the run loop and several system calls a request,
some 100 µs. So a single task owns a private epoll, takes everything that is ready in one go, and only when nothing is
does it wait, through Trio: an epoll descriptor is itself readable when one of its members is ready.

What ends such a wait in time is a timer of the kernel beside that epoll, and not a deadline of Trio. A deadline would be
rounded up to the next millisecond, so the rest of an exact wait would need a second one, and to cancel what waits costs Trio
as much as the wait itself: with the timer a wait that nothing ends takes half the CPU time.
"""

from __future__ import annotations

import select
import time

import trio

from trio_lab.loop.kernel import Timer

# Seconds. One batch follows another for as long as the server keeps up: cancellation and other tasks get a turn this often.
_YIELD_EVERY = 0.01
# A short wait for an exact moment blocks the thread instead: that is cheaper, and ends some 20 µs earlier.
_LONGEST_BLOCK = 0.0015
# A fast server replies within microseconds, and a wait through Trio costs some 50. So first the epoll alone is waited for,
# for a millisecond. When that finds nothing (a slow server, or one that runs in this very thread and needs it to reply),
# it is skipped for the next waits, twice as many each time.
_MAX_SKIPPED_POLLS = 1024
_HOT_WAIT = 0.001

Events = list[tuple[int, int]]


class Poller:
    """Owns the epoll. All times are of `time.perf_counter`."""

    __slots__ = ("_either", "_misses", "_skipped_polls", "_timer", "epoll", "poll", "yield_at")

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.poll = self.epoll.poll  # poll(0): what is ready now
        self._either = select.epoll()  # of the epoll and the timer
        self._timer = Timer()
        for one in (self.epoll, self._timer):
            self._either.register(one, select.EPOLLIN)
        self._yielded()
        self._skipped_polls = 0  # how many of the next waits go through Trio at once
        self._misses = 1

    def close(self) -> None:
        self._timer.close()
        self._either.close()
        self.epoll.close()

    async def yield_now(self) -> None:
        """Let Trio run other tasks. Call it between two batches from ``yield_at`` on."""
        await trio.lowlevel.checkpoint()
        self._yielded()

    def _yielded(self) -> None:
        self.yield_at = time.perf_counter() + _YIELD_EVERY

    async def wait(self, now: float, until: float, *, exact: bool) -> Events:
        """What became ready by ``until``, or nothing, but not before. An ``exact`` wait may block the thread if it is short."""
        gap = until - now
        if gap <= 0.0:
            return []
        if exact and gap <= _LONGEST_BLOCK:
            self._timer.set(until - time.perf_counter())
            self._either.poll()
            return self.poll(0)
        if self._skipped_polls:
            self._skipped_polls -= 1
        elif gap > _LONGEST_BLOCK + _HOT_WAIT:
            ready = self.poll(_HOT_WAIT)
            if ready:
                self._misses = 1
                return ready
            self._misses = self._skipped_polls = min(2 * self._misses, _MAX_SKIPPED_POLLS)
        self._timer.set(until - time.perf_counter())
        await trio.lowlevel.wait_readable(self._either)
        self._yielded()
        return self.poll(0)
