"""A watch in every event loop that begins in this process, until the loop or the test ends.

A watch refers to its loop. So none is kept of a loop that does not run between two tests: a program's own complaint that a loop
was left open comes as it always does.
"""

from __future__ import annotations

import math
import sys
from typing import Any

from ..attach.beginnings import at_asyncio_loops, at_trio_runs
from ..attach.startup.sitecustomize import Finder
from ..loop.eyes import Eyes, Passes
from ..loop.stalls import Stall
from .loop_watch import LoopWatch
from .one_watchdog import OneWatchdog


class Loops:
    """Make it in the thread of the tests. The hooks of `install` cannot be taken out again; they come when Trio and asyncio are
    imported."""

    def __init__(self) -> None:
        self._budget: float | None = None
        self._one = OneWatchdog()
        self._watches: list[LoopWatch] = []  # the open ones, of both kinds of loops
        self._by_loop: dict[Any, LoopWatch] = {}
        self._past: list[Stall] = []
        self._passes: list[Passes] = []
        self.unwatched: str | None = None
        """Why a loop could not be watched."""

    def install(self) -> None:
        for module, library in (("trio", "trio"), ("asyncio.events", "asyncio")):
            if module in sys.modules:
                self._imported(library)
        sys.meta_path.insert(0, Finder(self._imported, lambda _: None))  # type: ignore[no-untyped-call]

    def _imported(self, library: str) -> None:
        if library == "trio":
            at_trio_runs(self._trio_begins)
        else:
            at_asyncio_loops(self._asyncio_begins, self._asyncio_stops)

    def watch(self, budget: float | None) -> None:
        """A test begins. Passes longer than ``budget`` seconds become stalls; with None, loops that begin are not watched."""
        if budget != self._budget:
            self._budget = budget
            for watch in [*self._watches]:
                watch.set_budget(math.inf if budget is None else budget)

    def stalls(self, since: float) -> list[Stall]:
        """Those whose pass began after that time (`time.perf_counter`) and since the last `rest`, in order."""
        found = [*self._past, *(stall for watch in [*self._watches] for stall in watch.stalls())]
        return sorted((stall for stall in found if stall.began >= since), key=lambda stall: stall.began)

    def passes(self) -> list[Passes]:
        """The passes of all loops that were watched since the last `rest`."""
        return [*self._passes, *(watch.passes for watch in [*self._watches])]

    def rest(self) -> None:
        """A test is over. Loops that go on, in another thread, stay watched."""
        for loop in [*self._by_loop]:
            if not loop.is_running():
                self._end(self._by_loop.pop(loop))
        self._past.clear()
        self._passes.clear()

    def close(self) -> None:
        """The last test is over."""
        self.watch(None)
        self.rest()
        self._one.close()

    def _end(self, watch: LoopWatch) -> None:
        watch.close()
        self._watches.remove(watch)
        self._past += watch.stalls()
        self._passes.append(watch.passes)

    def _trio_begins(self) -> None:
        if self._budget is None:
            return
        from ..loop.trio_eyes import TrioEyes
        from .trio_run import PassesOfRun

        passes = PassesOfRun()
        if (watch := self._opened(TrioEyes(passes), self._budget)) is not None:
            passes.at_end = lambda: self._end(watch)

    def _asyncio_begins(self, loop: Any) -> None:
        watch = self._by_loop.get(loop)
        if watch is not None:
            watch.go_on()
        elif self._budget is not None:
            from ..loop.asyncio_eyes import AsyncioEyes

            if (watch := self._opened(AsyncioEyes(loop), self._budget)) is not None:
                self._by_loop[loop] = watch

    def _opened(self, eyes: Eyes, budget: float) -> LoopWatch | None:
        """A watch; None if it cannot be opened, without a descriptor or a thread. The program's loop must run all the same."""
        watch = LoopWatch(eyes, budget=budget, one=self._one)
        try:
            watch.open()
        except Exception as fault:
            watch.close()
            self.unwatched = str(fault) or type(fault).__name__
            return None
        self._watches.append(watch)
        return watch

    def _asyncio_stops(self, loop: Any) -> None:
        if loop in self._by_loop:
            self._by_loop[loop].pause()
