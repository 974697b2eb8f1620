"""The same program watched by ours and by its peers: ``python -m trio_lab.bench.peers.watchers WATCHER FORM LOOP BLOCKS``.

The program is `subjects.blocked`. Each watcher is used as its documentation says, with a threshold of 20 ms. What it tells is
brought into one form. When it shows several frames, the one that is a planted line counts, wherever it stands.
"""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, redirect_stdout
from datetime import datetime
from importlib import import_module
from pathlib import Path
from timeit import timeit
from typing import Any

from trio_lab.loop.stalls import Stall
from trio_lab.subjects import blocked, planted
from trio_lab.subjects.blocked import Plants, Told, Watching, watched
from trio_lab.subjects.planted import LINES, Block, marked
from trio_lab.subjects.telling import end_with_input

_THRESHOLD = 0.02  # seconds
_ROW = 0.06  # seconds that the block of a row lasts
_TASKS, _STEP = 200, 0.0005
_SOON = 0.02  # seconds
_OBJECTS = 200_000  # more each time, until a collection takes as long as that
Frame = tuple[str, int]


def _told(began: float, duration: float, cause: str = "", frames: Iterable[Frame] = ()) -> Stall:
    file, line = next((frame for frame in frames if frame[1] in _PLANTED.get(frame[0], ())), ("", 0))
    return Stall(duration=duration, cause=cause, filename=file, lineno=line, began=began)


@asynccontextmanager
async def _none() -> AsyncIterator[Told]:
    yield list


@asynccontextmanager
async def _asyncio_debug() -> AsyncIterator[Told]:
    """Its line of the log has the task and where it is now, not where it was when it blocked."""
    told, took = [], re.compile(r"took ([\d.]+) seconds")

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            now = time.perf_counter()
            if found := took.search(record.getMessage()):
                frames = re.findall(r"([\w/.\-]+\.py):(\d+)", record.getMessage())
                seconds = float(found[1])
                told.append(_told(now - seconds, seconds, "", [(file, int(line)) for file, line in frames]))

    logger = logging.getLogger("asyncio")
    logger.handlers, logger.propagate = [Handler()], False
    asyncio.get_running_loop().slow_callback_duration = _THRESHOLD
    yield lambda: told


@asynccontextmanager
async def _aiocop() -> AsyncIterator[Told]:
    aiocop: Any = import_module("aiocop")
    told: list[Stall] = []

    def on_slow_task(event: Any) -> None:
        if event.exceeded_threshold:
            now, seconds = time.perf_counter(), event.elapsed_ms / 1e3
            traces = [one["trace"] for one in (*event.blocking_events, *getattr(event, "cpu_stack_samples", ()))]
            told.append(_told(now - seconds, seconds, event.reason, _in_text("\n".join(traces))))

    aiocop.patch_audit_functions()
    aiocop.start_blocking_io_detection()
    aiocop.detect_slow_tasks(threshold_ms=round(_THRESHOLD * 1e3), on_slow_task=on_slow_task)
    aiocop.activate()
    yield lambda: told


@asynccontextmanager
async def _loopsentry() -> AsyncIterator[Told]:
    """It tells when a block begins and when it is over, in a file."""
    loopsentry: Any = import_module("loopsentry")
    with tempfile.TemporaryDirectory(prefix="trio-lab-") as folder:
        sentry = loopsentry.LoopSentry(base_dir=folder, threshold=_THRESHOLD)
        with redirect_stdout(io.StringIO()):  # it greets
            sentry.start()
        yield lambda: _from_sentry(Path(folder))
        sentry.stop()


def _from_sentry(folder: Path) -> list[Stall]:
    since, told, frames = time.perf_counter() - time.time(), [], []
    for file in folder.rglob("*.jsonl"):
        for event in map(json.loads, file.read_text().splitlines()):
            if event["type"] == "block_started":
                frames = _in_text("\n".join(map(str, event.get("stack", ()))))
            elif event["type"] == "block_resolved":
                ended, seconds = (
                    datetime.fromisoformat(event["timestamp"]).timestamp() + since,
                    event["duration_current"],
                )
                told.append(_told(ended - seconds, seconds, "", frames))
    return told


@asynccontextmanager
async def _loopguard() -> AsyncIterator[Told]:
    """Its sentinel, which the middleware starts at the first request. It names requests, no lines."""
    loopguard: Any = import_module("fastapi_loopguard")
    told: list[Stall] = []

    def on_blocking(lag_ms: float, *_: object) -> None:
        now = time.perf_counter()
        told.append(_told(now - lag_ms / 1e3, lag_ms / 1e3))

    config = loopguard.LoopGuardConfig(
        fallback_threshold_ms=_THRESHOLD * 1e3, enforcement_mode="log", log_blocking_events=False
    )
    monitor = loopguard.SentinelMonitor(config, on_blocking)
    await monitor.start_with_background_calibration()
    yield lambda: told
    await monitor.stop()


@asynccontextmanager
async def _pyleak() -> AsyncIterator[Told]:
    pyleak, caller = import_module("pyleak"), import_module("pyleak.utils")
    logging.getLogger("pyleak").setLevel(logging.CRITICAL)
    since = time.perf_counter() - time.time()
    context = caller.CallerContext(filename=__file__, name="main", files={planted.__file__, __file__})
    block = pyleak.no_event_loop_blocking(action="log", threshold=_THRESHOLD, caller_context=context)
    async with block:
        yield lambda: [
            _told(
                one.timestamp + since - one.duration,
                one.duration,
                "",
                [(frame.filename, frame.lineno or 0) for frame in one.blocking_stack or ()],
            )
            for one in block.detector.detected_blocks
        ]


def _in_text(text: str) -> list[Frame]:
    """The places that a trace names, in the form of Python's own traces and in the form ``file.py:12``."""
    found = re.findall(r'File "([^"]+)", line (\d+)', text) + re.findall(r"([\w/.\-]+\.py):(\d+)", text)
    return [(file, int(line)) for file, line in found]


WATCHERS: dict[str, Watching] = {
    "none": _none,
    "trio-lab": lambda: watched(_THRESHOLD),
    "aiocop": _aiocop,
    "asyncio debug": _asyncio_debug,
    "fastapi-loopguard": _loopguard,
    "loopsentry": _loopsentry,
    "pyleak": _pyleak,
}


class Rows(Plants):
    """The planned blocks, and those that a watcher of `call_soon` misses, by name.

    Each is noted with the time for which it held up the loop. That of ``tasks`` is the time from the first step to the last.
    """

    def __init__(self, blocks: int) -> None:
        super().__init__(blocks)
        self._rows: dict[str, Callable[[], None]] = {
            "reader": self._reader,
            "tasks": self._tasks,
            "hog": self._hog,
            "collection": self._collection,
            "transport": lambda: self._noted("transport", _spin),
        }
        self._rings: list[list[object]] = []  # as many as a collection takes long enough with
        self._collects_for_long = False
        self._kept: set[object] = set()

    def make(self, name: str) -> None:
        self._rows.get(name, lambda: Plants.make(self, name))()

    def _noted(self, kind: str, call: Callable[[], object]) -> None:
        began = time.perf_counter()
        call()
        self.done.append(Block(kind, began, time.perf_counter()))

    def _reader(self) -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()

        def read() -> None:
            loop.remove_reader(ours)
            ours.close()
            theirs.close()
            self._noted("reader", _wait)

        loop.add_reader(ours, read)
        theirs.send(b"x")

    def _tasks(self) -> None:
        first = 0.0

        async def step(number: int) -> None:
            nonlocal first
            first = first or time.perf_counter()
            end = time.perf_counter() + _STEP
            while time.perf_counter() < end:
                pass
            if number == _TASKS - 1:
                self.done.append(Block("tasks", first, time.perf_counter()))

        for number in range(_TASKS):
            task = asyncio.get_running_loop().create_task(step(number))
            self._kept.add(task)
            task.add_done_callback(self._kept.discard)

    def _hog(self) -> None:
        """Another thread holds the GIL for one long call; the loop has nothing to do with it but wants to go on."""
        threading.Thread(target=self._noted, args=("hog", _match)).start()

    def _collection(self) -> None:
        while not self._collects_for_long:
            more: list[list[object]] = [[] for _ in range(_OBJECTS)]
            for ring in more:
                ring.append(ring)
            self._rings += more
            self._collects_for_long = timeit(gc.collect, number=1) >= _ROW
        # In a pass of its own, because to make so many objects takes longer.
        asyncio.get_running_loop().call_later(_SOON, self._noted, "collection", gc.collect)


def _spin() -> None:
    end = time.perf_counter() + _ROW
    while time.perf_counter() < end:  # blocks: transport
        pass  # blocks: transport


def _wait() -> None:
    time.sleep(_ROW)  # blocks: reader


_LETTERS = "a" * 12_000


def _match() -> None:
    re.search("a*b", _LETTERS)  # blocks: hog


ROW_LINES = marked(__file__)
_PLANTED: dict[str, set[int]] = {
    planted.__file__: set[int]().union(*LINES.values()),
    __file__: set[int]().union(*ROW_LINES.values()),
}


def main(watcher: str, form: str, loop: str, blocks: str) -> None:
    debug = watcher == "asyncio debug"
    blocked.run(form, loop, WATCHERS[watcher], Rows(int(blocks)), debug=debug)


if __name__ == "__main__":
    end_with_input()
    main(*sys.argv[1:])
