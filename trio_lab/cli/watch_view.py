"""How a watch is shown: rows on a terminal, drawn again and again, or a line each second anywhere else."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import trio
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..diagnose.onset import NONE
from ..records.codec import encode
from ..records.live import RecentStall
from ..records.watching import LoopRow, QueueRow, Watched
from .console import output

_TRENDS = {"rises": "↑", "falls": "↓", "steady": "→", None: ""}
_LAST_WORDS = 1.0  # seconds for what a program has printed at its end
_RECENT = 5.0  # seconds for which a stall is told in a line
_RECEIVE = 1 << 16


class Lines:
    """A line each second: JSON, or words. There is one at least, however short the watch is."""

    every = 1.0  # seconds

    def __init__(self, *, json_: bool) -> None:
        self._json = json_
        self._any = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Every line was printed at once."""

    @asynccontextmanager
    async def outlet(self) -> AsyncIterator[int | None]:
        """Where the program that is watched prints: a descriptor, or None for where we print."""
        yield sys.stderr.fileno() if self._json else None

    def show(self, watched: Watched) -> None:
        print(encode(watched).decode() if self._json else in_a_line(watched), flush=True)
        self._any = True

    def end(self, watched: Watched) -> None:
        """The watch is over."""
        if not self._any:
            self.show(watched)


class Screen:
    """Rows that are drawn again in place. What the program prints goes above them, line by line."""

    every = 0.25  # seconds

    def __init__(self) -> None:
        self._live = Live(console=output(), auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    @asynccontextmanager
    async def outlet(self) -> AsyncIterator[int | None]:
        """A pipe for what the program that is watched prints."""
        reading, writing = os.pipe()
        done = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._relay, trio.lowlevel.FdStream(reading), done)
            try:
                yield writing
            finally:
                os.close(writing)
                with trio.move_on_after(_LAST_WORDS, shield=True):
                    await done.wait()
                nursery.cancel_scope.cancel()

    async def _relay(self, printed: trio.lowlevel.FdStream, done: trio.Event) -> None:
        """Print what the program prints, until it and all that it has started have ended."""
        rest = b""
        async with printed:
            async for data in printed:
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._print(line)
        if rest:
            self._print(rest)
        done.set()

    def _print(self, line: bytes) -> None:
        self._live.console.print(Text(line.decode(errors="replace")), soft_wrap=True)

    def show(self, watched: Watched) -> None:
        self._live.update(rows(watched), refresh=True)

    def end(self, watched: Watched) -> None:
        """The last rows stay."""


Shown: TypeAlias = Lines | Screen


def rows(watched: Watched) -> Group:
    """All that is seen, for a terminal."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("queue", "places", "waiting", "wait", "service", "trend", ""):
        table.add_column(column, no_wrap=True)
    for row in watched.queues:
        mark = "← fills first" if row.first else ""
        table.add_row(*map(Text, (*_cells(row), mark)), style="bold red" if row.first else "")
    parts = [Text(line) for line in (_standing(watched), *watched.notes)]
    stalls = [Text(f"{stall.ago:5.1f} s ago  {told(stall)}") for stall in watched.stalls]
    return Group(*parts, *([table] if watched.queues else []), *stalls)


def in_a_line(watched: Watched) -> str:
    """What matters of it: the loop, queues that hold callers, the last stall."""
    queues = [_in_words(row) for row in watched.queues if row.waiting or row.in_service or row.first]
    stalls = [told(stall) for stall in watched.stalls[:1] if stall.ago < _RECENT]
    return " | ".join([f"{watched.at:.1f} s", _standing(watched), *queues, *stalls, *watched.notes])


def told(stall: RecentStall) -> str:
    """How long, why, where and for whom: 158 ms (python): trio_lab/work.py:18 in hash_password, GET /sync-hash."""
    where = "no line was seen"
    if stall.filename is not None:
        where = f"{'/'.join(Path(stall.filename).parts[-2:])}:{stall.lineno} in {stall.function}"
    who = stall.label or stall.task
    return f"{stall.duration * 1e3:.0f} ms ({stall.cause}): {where}{f', {who}' if who else ''}"


def _standing(watched: Watched) -> str:
    """The first thing to know: is it silent, how busy is the loop, does a queue fill."""
    found = []
    if watched.silent:
        found.append(f"no answer for {watched.silent:.1f} s")
    if watched.state is not None and watched.state.state != "passing":
        state = watched.state
        found.append(f"{state.state} for {state.for_:.1f} s{_by(state.cause)}{_by(state.where)}")
    found += [] if watched.loop is None else [_loop(watched.loop)]
    if watched.first_full == NONE:
        found.append("no queue fills")
    elif watched.first_full is not None:
        found.append(f"{watched.first_full} fills first")
    return ", ".join(found) or "nothing is seen yet"


def _by(text: str | None) -> str:
    return "" if text is None else f", {text}"


def _loop(loop: LoopRow) -> str:
    parts = [f"loop {loop.utilization:.0%} busy" if loop.utilization is not None else "loop"]
    parts += [
        f"{name} {_ms(value)}" for name, value in (("pass p99", loop.p99), ("longest", loop.max)) if value is not None
    ]
    return ", ".join(parts) + (f" (blind: {loop.blind})" if loop.blind else "")


def _cells(row: QueueRow) -> Iterator[str]:
    yield row.name
    yield _of(row.in_service, row.capacity)
    yield _of(row.waiting, row.max_waiting)
    yield _ms(row.wait)
    yield _ms(row.service)
    yield _TRENDS[row.trend] + (f" {row.lost:.0f}/s lost" if row.lost else "")


def _in_words(row: QueueRow) -> str:
    waiting = f", {row.waiting} wait{'' if row.wait is None else f' {_ms(row.wait)}'}" if row.waiting else ""
    return f"{row.name} {_of(row.in_service, row.capacity)}{waiting} {_TRENDS[row.trend]}".rstrip()


def _of(value: int | None, limit: int | None) -> str:
    if value is None and limit is None:
        return "–"
    return f"{'–' if value is None else value}{'' if limit is None else f' / {limit}'}"


def _ms(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds * 1e3:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"
