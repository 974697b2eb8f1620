"""Faults in the watch itself: its hook raises, its thread dies, its judgement raises. A quiet watch must not be a blind one.

Varied: which part breaks. Each watch is broken twice, several runs each, in a process of its own. Time counts from the
fault until the log says that the watch is blind, without anything asking it: 2 s, for it looks after itself every half
second. After the first fault it has to be repaired once and tell the next block; after the second it must stay blind and
say so, because a watch that breaks again and again would hide that it does. A thing that has not happened within 5 s is
taken not to happen.

The control is an instrument as it is usually written: Trio removes it, and it keeps the figures that it had.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

import trio

from ...loop.observe import Watch, observe
from ...records.check import check
from ...stage.alone import alone
from ...stage.until import until
from ..aftermath import remembered
from ..model import Drill

_PATIENCE = 5.0  # seconds
_BUDGET = 0.03
_BLOCK = 0.15
_WAIT = 2.5  # seconds in which it would have been repaired a second time


class _Log(logging.Handler):
    """What the watch logs."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def _break_hook(watch: Watch) -> None:
    """It raises at the next event of the loop, and Trio removes an instrument that raises."""
    _break_once(watch._monitor, "_clock")


def _break_thread(watch: Watch) -> None:
    _break_once(watch._watchdog, "_look")


def _break_judgement(watch: Watch) -> None:
    """It raises when it has a stall to judge."""
    _break_once(watch._watchdog, "samples")


FAULTS: dict[str, Callable[[Watch], None]] = {
    "hook": _break_hook,
    "thread": _break_thread,
    "judgement": _break_judgement,
}


def _break_once(part: object, name: str) -> None:
    sound = getattr(part, name)

    def fail(*_: object) -> NoReturn:
        setattr(part, name, sound)
        raise RuntimeError("a fault in the watch")

    setattr(part, name, fail)


@dataclass(slots=True)
class _Run:
    """One watch, broken twice. Seconds are `_PATIENCE` for what did not happen."""

    shown: float
    back: bool = False
    told_again: bool = False
    once: bool = False


async def in_process(rounds: int) -> dict[str, float | None]:
    figures: dict[str, float | None] = {}
    async with remembered(figures):
        runs = [await _broken_twice(fault) for _ in range(rounds) for fault in FAULTS.values()]
    return figures | _figures(runs)


async def _broken_twice(fault: Callable[[Watch], None]) -> _Run:
    with _log() as log:
        async with observe(budget=_BUDGET) as watch:
            fault(watch)
            await _block()
            run = _Run(shown=await _until(lambda: any("blind" in said for said in log.said)))
            run.back = await _until(lambda: watch.statistics().rearmed == 1 and watch.blind is None) < _PATIENCE
            began, ended = await _block()
            run.told_again = any(one.began <= began and one.began + one.duration >= ended for one in watch.stalls())
            fault(watch)
            await _block()
            await trio.sleep(_WAIT)
            run.once = watch.blind is not None and watch.statistics().rearmed == 1
    return run


async def _block() -> tuple[float, float]:
    """Block the loop; from when to when."""
    await trio.sleep(0.01)
    began = time.perf_counter()
    time.sleep(_BLOCK)  # noqa: ASYNC251  (that is the fault)
    ended = time.perf_counter()
    await trio.sleep(0.01)
    return began, ended


async def _until(condition: Callable[[], bool]) -> float:
    took = await until(condition, limit=_PATIENCE)
    return _PATIENCE if took is None else took


@contextmanager
def _log() -> Iterator[_Log]:
    log, logger = _Log(), logging.getLogger("trio_lab.stalls")
    logger.addHandler(log)
    try:
        yield log
    finally:
        logger.removeHandler(log)


def _figures(runs: list[_Run]) -> dict[str, float | None]:
    return {
        "faults": len(runs),
        "shown_max_s": max(run.shown for run in runs),
        "not_put_back": sum(not run.back for run in runs),
        "not_told_again": sum(not run.told_again for run in runs),
        "not_once": sum(not run.once for run in runs),
    }


class _Plain(trio.abc.Instrument):
    """Notes the longest pass, and has a fault."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.broken = False
        self._began = time.perf_counter()

    def after_io_wait(self, timeout: float) -> None:
        self._began = time.perf_counter()

    def before_io_wait(self, timeout: float) -> None:
        if self.broken:
            raise RuntimeError("a fault in the monitor")
        self.longest = max(self.longest, time.perf_counter() - self._began)


async def with_a_plain_one() -> dict[str, float | None]:
    monitor = _Plain()
    trio.lowlevel.add_instrument(monitor)
    with _log() as log:
        monitor.broken = True
        await _block()
        shown = await _until(lambda: any("blind" in said for said in log.said))
        monitor.broken = False
        await _block()
    return _figures([_Run(shown=shown, told_again=monitor.longest >= _BLOCK)])


DRILL = Drill(
    name="blind-monitor",
    number=24,
    gate=False,
    question="The watch itself breaks: does it say that it is blind, and is it put back, once?",
    figures=("faults", "shown_max_s", "not_put_back", "not_told_again", "not_once"),
    checks=(
        check("until the log says that it is blind", "shown_max_s", "<=", 2, "s"),
        check("was not put back", "not_put_back", "<=", 0),
        check("did not tell a block after that", "not_told_again", "<=", 0),
        check("was put back again after a second fault", "not_once", "<=", 0),
    ),
    inject=lambda stage: alone(partial(in_process, stage.count(5, quick=1))),
    control=lambda stage: alone(with_a_plain_one),
    twin="an instrument without a watchdog",
)
