"""Unit: the service's side of the shared memory. The loop and the watchdog's thread call it, and it must fail neither."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import pytest

from trio_lab.live.memory import Memory, new_memory
from trio_lab.live.writing import BEAT, Writer
from trio_lab.loop.stalls import Stall
from trio_lab.records.codec import decode
from trio_lab.records.live import Stuck


@dataclass
class Watched:
    """A watch over a loop that has been in one pass for ``lasted`` seconds; None: it polls."""

    lasted: float | None = 0.0
    stall: Stall = field(default_factory=lambda: Stall(duration=1.0, cause="python"))
    on_beat: Callable[[float], None] | None = None

    @property
    def passes(self) -> Watched:
        return self

    def pass_began(self) -> float | None:
        return None if self.lasted is None else perf_counter() - self.lasted

    def so_far(self, began: float, now: float) -> Stall:
        return self.stall


@contextmanager
def writing(
    watch: Any, read: Callable[[], Any] = lambda: Stuck(lasted=1.0, cause="figures")
) -> Iterator[tuple[Writer, Memory]]:
    with new_memory() as (_, memory):
        writer = Writer(watch, memory, read)
        writer.open()
        yield writer, memory
        writer.close()


def test_the_first_figures_are_there_when_it_is_open_and_beats_say_when_the_next_is_due() -> None:
    with writing(Watched()) as (writer, memory):
        assert memory.figures.read() is not None
        assert memory.beat.read() is None
        writer.beat(12.5)
        beat = memory.beat.read()
        assert beat is not None
        assert BEAT.unpack(beat.data)[1] == 12.5
        assert memory.stuck.read() is None


def test_a_beat_after_which_there_is_none_for_long_is_written_however_soon_it_comes() -> None:
    """With a small budget the watchdog finds that the loop polls right after a pass began, and sleeps."""
    watch = Watched()
    with writing(watch) as (writer, memory):
        writer.beat(perf_counter())
        watch.lasted = None
        writer.beat(perf_counter())
        assert not polls(memory), "the next one is due"
        writer.beat(perf_counter() + 0.5)
        assert polls(memory)


def polls(memory: Memory) -> bool:
    beat = memory.beat.read()
    assert beat is not None
    return math.isnan(BEAT.unpack(beat.data)[0])


def test_after_the_end_the_watchdog_writes_no_more() -> None:
    watch = Watched(lasted=1.0)
    with writing(watch) as (writer, memory):
        writer.close()
        writer.beat(1.0)  # it had begun just before
        assert watch.on_beat is None
        assert (memory.beat.read(), memory.stuck.read()) == (None, None)


@pytest.mark.parametrize(
    "long", [{"task_name": "x" * 20_000}, {"label": "é" * 20_000}, {"function": "\N{SNOWMAN}" * 20_000}]
)
def test_a_very_long_name_does_not_end_the_beats(long: dict[str, str]) -> None:
    with writing(Watched(lasted=1.0, stall=Stall(duration=1.0, cause="python", filename="a.py", **long))) as (
        writer,
        memory,
    ):
        writer.beat(1.0)
        stuck = memory.stuck.read()
        assert memory.beat.read() is not None
        assert stuck is not None
        assert decode(Stuck, stuck.data).filename == "a.py"


def test_figures_that_cannot_be_read_are_logged_once_and_the_last_ones_stay(caplog: pytest.LogCaptureFixture) -> None:
    faults: list[Exception] = []

    def read() -> Stuck:
        if faults:
            raise faults[0]
        return Stuck(lasted=1.0, cause="figures")

    with writing(Watched(), read) as (writer, memory):
        faults.append(ZeroDivisionError("of the program's own"))
        with caplog.at_level(logging.ERROR):
            writer.write()
            writer.write()
        assert len(caplog.records) == 1
        page = memory.figures.read()
        assert page is not None
        assert page.number == 1
