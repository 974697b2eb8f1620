"""A watch in every event loop that begins in this process, for as long as the loop lives."""

from __future__ import annotations

from typing import Any

from ..attach.beginnings import at_asyncio_loops, at_trio_runs
from ..attach.quiet_watch import QuietWatch
from ..loop.stalls import Stall


class Loops:
    """Install it once: it cannot be taken out again. Passes longer than ``budget`` seconds become stalls."""

    def __init__(self, budget: float) -> None:
        self._budget = budget
        self._watches: list[QuietWatch] = []  # of Trio runs that go on, and of loops of asyncio that are open
        self._by_loop: dict[Any, QuietWatch] = {}
        self._past: list[Stall] = []

    def install(self) -> None:
        at_trio_runs(self._trio_begins)
        at_asyncio_loops(self._asyncio_begins, self._asyncio_stops)

    def stalls(self, since: float) -> list[Stall]:
        """Those whose pass began after that time (`time.perf_counter`), in order. Older ones are forgotten."""
        for loop in [loop for loop in self._by_loop if loop.is_closed()]:
            self._end(self._by_loop.pop(loop))
        found = [*self._past, *(stall for watch in self._watches for stall in watch.stalls())]
        self._past.clear()
        return sorted((stall for stall in found if stall.began >= since), key=lambda stall: stall.began)

    def _end(self, watch: QuietWatch) -> None:
        watch.close()
        self._watches.remove(watch)
        self._past += watch.stalls()

    def _trio_begins(self) -> None:
        import trio

        from .trio_run import WatchedRun

        trio.lowlevel.add_instrument(WatchedRun(self._budget, self._watches.append, self._end))

    def _asyncio_begins(self, loop: Any) -> None:
        watch = self._by_loop.get(loop)
        if watch is not None:
            watch.passes.begin()
            return
        from ..loop.asyncio_eyes import AsyncioEyes

        watch = self._by_loop[loop] = QuietWatch(AsyncioEyes(loop), budget=self._budget, steps=False)
        self._watches.append(watch)
        watch.open()

    def _asyncio_stops(self, loop: Any) -> None:
        if loop in self._by_loop:
            self._by_loop[loop].passes.pause()
