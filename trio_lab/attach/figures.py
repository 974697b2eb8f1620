"""What one loop tells the doctor: the same record as `/health`, and the stalls since the last question, each by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..loop.loop_time import PassWindow
from ..measure.own_process import OwnProcess
from ..measure.usage import UsageMeter
from ..records.codec import to_plain
from ..records.health import Health, StallFigures, ThreadCounts, WorkerCounts

if TYPE_CHECKING:  # both need Trio, which a program on asyncio may not have
    from ..loop.stalls import Stall
    from ..loop.watch import Watch

Figures = dict[str, Any]
_NO_WORKERS = WorkerCounts(workers=0, busy=0, queued=0, restarts=0)  # those of the program are among its queues


class LoopFigures:
    """``threads`` counts the loop's default threads."""

    def __init__(self, runtime: str, watch: Watch, *, threads: Callable[[], ThreadCounts]) -> None:
        self._runtime, self._watch, self._threads = runtime, watch, threads
        self._window = PassWindow(watch.passes)
        self._process, self._usage = OwnProcess(), UsageMeter()
        self._stalls = 0  # told so far
        self._last: dict[tuple[str, int, str, str], Stall] = {}  # of each line and cause

    def close(self) -> None:
        self._usage.close()

    def read(self, reset: bool) -> Callable[[], Figures]:
        """In the loop: the figures of the window; with ``reset`` a new one begins. The function that is returned adds what any
        thread may read."""
        threads, now = self._threads(), perf_counter()
        new = self._new_stalls()
        health = Health(
            runtime=self._runtime,
            event_loop_mean_ms=None,
            event_loop_max_ms=None,
            threads=threads.threads,
            pool=_NO_WORKERS,
            native_pool=threads,
            loop=self._window.read(reset=reset).record(),
            profile="",
            queues=self._watch.queues(),
            stalls=self._table(),
        )

        def finish() -> Figures:
            stalls = [asdict(stall) | {"began": stall.began - now} for stall in new]  # clocks of processes differ
            whole = replace(health, process=self._process.read(), usage=self._usage.read())
            return {"health": to_plain(whole), "stalls": stalls}

        return finish

    def _new_stalls(self) -> list[Stall]:
        new = self._watch.count - self._stalls
        self._stalls += new
        stalls = self._watch.stalls()[-new:] if new else []
        self._last |= {(stall.filename, stall.lineno, stall.function, stall.cause): stall for stall in stalls}
        return stalls

    def _table(self) -> tuple[StallFigures, ...]:
        found = []
        for row in self._watch.table():
            last = self._last.get((row.filename, row.lineno, row.function, row.cause))
            found.append(
                StallFigures(
                    filename=row.filename,
                    lineno=row.lineno,
                    function=row.function,
                    cause=row.cause,
                    count=row.count,
                    total=row.total,
                    longest=row.longest,
                    samples=row.samples,
                    share=row.share,
                    awaits=row.awaits,
                    task=None if last is None else last.task_name or None,
                )
            )
        return tuple(found)
