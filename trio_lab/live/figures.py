"""The figures that a service writes twice a second, read in its loop: `LiveFigures`, from its watch and its queues.

A service may bring a `Health` of its own (`Telling`), as the lab does. The figures of the loop in it are replaced by those of
this reader's windows, so no reader of `/health` is disturbed.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter

from ..loop.loop_time import LoopTime
from ..loop.stall_rows import StallRows
from ..loop.stalls import Stall
from ..loop.watch import Watch
from ..measure.histogram import Histogram
from ..measure.recent import Recent
from ..records.health import Health, Loop
from ..records.live import LiveFigures, RecentStall, RouteFigures, WorkerState
from ..records.totals import Totals

TURN = 10.0  # seconds for which a window of recent figures is open
COUNTS = 0.9  # seconds between two readings of what is counted
_LAST_STALLS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Functions that read a service, all called in its loop. ``totals`` gets the health that was read just before;
    ``durations`` are those of requests, by route."""

    health: Callable[[], Health]
    totals: Callable[[Health], Totals]
    durations: Callable[[], Mapping[str, Histogram]] = dict
    workers: Callable[[], tuple[WorkerState, ...]] = tuple


class LoopWindow:
    """The passes of a loop since the last turn, and with ``older`` since the one before.

    The pass that goes on counts as far as it has come. It is not cut in two, as a window of `PassWindow` does, because other
    readers would then see two passes as well.
    """

    def __init__(self, loop: LoopTime, *, older: bool) -> None:
        self._loop, self._keeps_older = loop, older
        self._recent = Recent(loop.busy)
        # What it had waited, the part of the pass that had counted, and how often it had been blind.
        self._since = self._older_since = (loop.waited_so_far(), 0.0, loop.gaps)

    def turn(self) -> None:
        self._recent.turn()
        if not self._keeps_older:
            self._recent.turn()
        now = (self._loop.waited_so_far(), self._loop.busy_now(), self._loop.gaps)
        self._older_since, self._since = self._since if self._keeps_older else now, now

    def read(self) -> Loop:
        passes = self._recent.read()
        passes.record(self._loop.busy_now())
        waited, counted, gaps = self._older_since
        busy, blind = max(0.0, passes.total - counted), self._loop.blind_since(gaps)
        spent, found = busy + self._loop.waited_so_far() - waited, passes.summary()
        return Loop(
            mean=found.mean,
            p50=found.p50,
            p99=found.p99,
            max=found.max,
            delay_p99=passes.delay(0.99, spent) if blind is None else None,
            utilization=busy / spent if spent > 0 else 0.0,
            passes=found.count,
            blind=blind,
        )


class FiguresReader:
    """Reads the figures of one service, whose parts tell them by `Telling`. Make it in the loop's thread, and call `read`
    there."""

    def __init__(
        self, watch: Watch, telling: Telling, *, service: str, blocked_after: float, signal: int | None = None
    ) -> None:
        self._watch, self._telling = watch, telling
        self._service, self._blocked_after, self._signal = service, blocked_after, signal
        self._window, self._recent = LoopWindow(watch.passes, older=False), LoopWindow(watch.passes, older=True)
        self._routes: dict[str, Recent] = {}
        self._counted: tuple[tuple[RouteFigures, ...], Totals] | None = None
        self._counted_at = -math.inf
        self._stalls = StallRows(watch)
        self._began = self._turned = perf_counter()
        self._pid, self._thread = os.getpid(), threading.get_native_id()

    def read(self) -> LiveFigures:
        now, watch, telling = perf_counter(), self._watch, self._telling
        self._stalls.new()
        health = telling.health()
        routes, totals = self._read_counts(health, now)
        figures = LiveFigures(
            service=self._service,
            pid=self._pid,
            loop_thread=self._thread,
            uptime=now - self._began,
            budget=watch.budget,
            blocked_after=self._blocked_after,
            health=replace(health, loop=self._window.read(), stalls=self._stalls.table()),
            recent=self._recent.read(),
            stalls=watch.count,
            last_stalls=tuple(recent_stall(stall, now) for stall in reversed(watch.stalls()[-_LAST_STALLS:])),
            routes=routes,
            workers=telling.workers(),
            totals=totals,
            signal=self._signal,
        )
        self._turn(now)
        return figures

    def _read_counts(self, health: Health, now: float) -> tuple[tuple[RouteFigures, ...], Totals]:
        """These cost most of the time of a reading, so they are read once a second."""
        if self._counted is None or now - self._counted_at >= COUNTS:
            self._counted, self._counted_at = (self._read_routes(), self._telling.totals(health)), now
        return self._counted

    def _read_routes(self) -> tuple[RouteFigures, ...]:
        for route, durations in self._telling.durations().items():
            if route not in self._routes:
                self._routes[route] = Recent(durations, so_far=True)
        return tuple(RouteFigures(route=name, recent=one.read().summary()) for name, one in self._routes.items())

    def _turn(self, now: float) -> None:
        self._window.turn()
        if now - self._turned >= TURN:
            self._turned = now
            self._recent.turn()
            for route in self._routes.values():
                route.turn()


def recent_stall(stall: Stall, now: float) -> RecentStall:
    """A stall as it is told, ``now`` by `time.perf_counter`."""
    return RecentStall(
        ago=max(0.0, now - stall.began - stall.duration),
        duration=stall.duration,
        cause=stall.cause,
        filename=stall.filename or None,
        lineno=stall.lineno or None,
        function=stall.function or None,
        task=stall.task_name or None,
        label=stall.label,
    )
