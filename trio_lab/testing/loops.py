"""A watch in every event loop that begins in this process, until the loop or the test ends.

A watch has a thread, and refers to its loop. So none is kept of a loop that does not run between two tests: a program's own
complaint that a loop was left open comes as it always does.
"""

from __future__ import annotations

from typing import Any

from ..attach.beginnings import at_asyncio_loops, at_trio_runs
from ..attach.quiet_watch import QuietWatch
from ..loop.stalls import Stall


class Loops:
    """Install it once: it cannot be taken out again. Passes longer than ``budget`` seconds become stalls."""

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self._watches: list[QuietWatch] = []  # the open ones, of both kinds of loops
        self._by_loop: dict[Any, QuietWatch] = {}
        self._past: list[Stall] = []

    def install(self) -> None:
        at_trio_runs(self._trio_begins)
        at_asyncio_loops(self._asyncio_begins, self._asyncio_stops)

    def stalls(self, since: float) -> list[Stall]:
        """Those whose pass began after that time (`time.perf_counter`) and since the last `rest`, in order."""
        found = [*self._past, *(stall for watch in [*self._watches] for stall in watch.stalls())]
        return sorted((stall for stall in found if stall.began >= since), key=lambda stall: stall.began)

    def rest(self) -> None:
        """A test is over. Loops that go on, in another thread, stay watched."""
        for loop in [*self._by_loop]:
            if not loop.is_running():
                self._end(self._by_loop.pop(loop))
        self._past.clear()

    def _end(self, watch: QuietWatch) -> None:
        watch.close()
        self._watches.remove(watch)
        self._past += watch.stalls()

    def _trio_begins(self) -> None:
        import trio

        from .trio_run import WatchedRun

        trio.lowlevel.add_instrument(WatchedRun(self.budget, self._watches.append, self._end))

    def _asyncio_begins(self, loop: Any) -> None:
        watch = self._by_loop.get(loop)
        if watch is not None:
            watch.passes.begin()
            return
        from ..loop.asyncio_eyes import AsyncioEyes

        watch = self._by_loop[loop] = QuietWatch(AsyncioEyes(loop), budget=self.budget, steps=False)
        self._watches.append(watch)
        watch.open()

    def _asyncio_stops(self, loop: Any) -> None:
        if loop in self._by_loop:
            self._by_loop[loop].passes.pause()
