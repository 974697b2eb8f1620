"""What one loop tells the doctor: the same record as `/health`, and the stalls since the last question, each by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from time import perf_counter
from typing import Any

from ..loop.loop_time import PassWindow
from ..loop.stall_rows import StallRows
from ..loop.watch import Watch
from ..measure.own_process import OwnProcess
from ..measure.usage import UsageMeter
from ..records.codec import to_plain
from ..records.health import Health, ThreadCounts, WorkerCounts

Figures = dict[str, Any]
_NO_WORKERS = WorkerCounts(workers=0, busy=0, queued=0, restarts=0)  # those of the program are among its queues


class LoopFigures:
    """``threads`` counts the loop's default threads."""

    def __init__(self, runtime: str, watch: Watch, *, threads: Callable[[], ThreadCounts]) -> None:
        self._runtime, self._watch, self._threads = runtime, watch, threads
        self._window, self._stalls = PassWindow(watch.passes), StallRows(watch)
        self._process, self._usage = OwnProcess(), UsageMeter()

    def pause(self) -> None:
        """The loop has stopped, and may run again."""
        self._watch.pause()

    def go_on(self) -> None:
        """The loop runs again, perhaps in another thread."""
        self._usage.follow()
        self._watch.go_on()

    def close(self) -> None:
        self._usage.close()

    def read(self, reset: bool) -> Callable[[], Figures]:
        """In the loop: the figures of the window; with ``reset`` a new one begins. The function that is returned adds what any
        thread may read."""
        now, new = perf_counter(), self._stalls.new()
        health = self.health(reset=reset)

        def finish() -> Figures:
            stalls = [asdict(stall) | {"began": stall.began - now} for stall in new]  # clocks of processes differ
            return {"health": to_plain(self.with_usage(health)), "stalls": stalls}

        return finish

    def health(self, *, reset: bool) -> Health:
        """What is read in the loop, the queues of the program included."""
        threads = self._threads()
        return Health(
            runtime=self._runtime,
            event_loop_mean_ms=None,
            event_loop_max_ms=None,
            threads=threads.threads,
            pool=_NO_WORKERS,
            native_pool=threads,
            loop=self._window.read(reset=reset).record(),
            profile="",
            queues=self._watch.queues(),
            stalls=self._stalls.table(),
        )

    def with_usage(self, health: Health) -> Health:
        """The same with what any thread may read."""
        return replace(health, process=self._process.read(), usage=self._usage.read())


def no_threads() -> ThreadCounts:
    """Of a loop that does not tell how its threads are."""
    return ThreadCounts(threads=0, busy=0, abandoned=0, queued=0)
