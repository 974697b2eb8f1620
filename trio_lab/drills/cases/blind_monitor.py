"""Faults in the watch itself: its hook raises, its thread dies, its judgement raises. A quiet watch must not be a blind one.

Varied: which part breaks. Each watch is broken twice, several runs each, in a process of its own. Time counts from the
fault until the log says that the watch is blind, without anything asking it: 2 s, for it looks after itself every half
second. After each fault it has to be repaired and tell the next block. The second repair must come later than the first
did, so that a watch that breaks again and again is not busy with repairing itself. A thing that has not happened within
5 s is taken not to happen.

The control is an instrument as it is usually written: Trio removes it, and it keeps the figures that it had.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from logging.handlers import BufferingHandler
from typing import NoReturn

import trio

from ...loop.observe import Watch, observe
from ...records.figures import Measures, check, measured
from ...stage.alone import alone
from ..loops import remembered_on, run_on, sleep, until_on
from ..model import Drill

_PATIENCE = 5.0  # seconds
_BUDGET = 0.03
_BLOCK = 0.15


# What is broken, of which part of the watch.
FAULTS = {
    "hook": ("_monitor", "_clock"),  # raises at the next event of the loop, and Trio removes an instrument that raises
    "thread": ("_watchdog", "_look"),
    "judgement": ("_watchdog", "samples"),  # raises when there is a stall to judge
}


def _break_once(watch: Watch, fault: str) -> None:
    if fault == "selector":
        del asyncio.get_running_loop()._selector.select  # type: ignore[attr-defined]
        return
    of, name = FAULTS[fault]
    part = getattr(watch, of)
    sound = getattr(part, name)

    def fail(*_: object) -> NoReturn:
        setattr(part, name, sound)
        raise RuntimeError("a fault in the watch")

    setattr(part, name, fail)


@dataclass(slots=True)
class _Run:
    """What came after one fault. Seconds, `_PATIENCE` for what did not happen.

    ``hasty``: a second fault was repaired as soon as the first.
    """

    shown: float
    back: float = _PATIENCE
    told_again: bool = False
    hasty: bool = False


def in_process(loop: str, rounds: int) -> dict[str, float | None]:
    return run_on(loop, _rounds, loop, rounds)


async def _rounds(loop: str, rounds: int) -> dict[str, float | None]:
    figures: dict[str, float | None] = {}
    async with remembered_on(figures):
        runs = [run for _ in range(rounds) for fault in _faults(loop) for run in await _broken_twice(fault)]
    return figures | measured(_FIGURES, runs)


def _faults(loop: str) -> list[str]:
    """No hook of an asyncio loop is removed when it raises; a hook in its selector can be replaced by other code."""
    others = ["thread", "judgement"]
    return others if loop == "uvloop" else ["hook" if loop == "trio" else "selector", *others]


async def _broken_twice(fault: str) -> tuple[_Run, _Run]:
    with _log() as log:
        async with observe(budget=_BUDGET) as watch:
            first = await _broken(watch, fault, log)
            log.flush()
            second = await _broken(watch, fault, log)
    second.hasty = second.back <= first.back
    return first, second


async def _broken(watch: Watch, fault: str, log: BufferingHandler) -> _Run:
    rearmed = watch.statistics().rearmed
    _break_once(watch, fault)
    await _block()
    run = _Run(shown=await _until(lambda: any("blind" in said.getMessage() for said in log.buffer)))
    run.back = await _until(lambda: watch.statistics().rearmed == rearmed + 1 and watch.blind is None)
    began, ended = await _block()
    run.told_again = any(one.began <= began and one.began + one.duration >= ended for one in watch.stalls())
    return run


async def _block() -> tuple[float, float]:
    """Block the loop; from when to when."""
    await sleep(0.01)
    began = time.perf_counter()
    time.sleep(_BLOCK)  # noqa: ASYNC251  (that is the fault)
    ended = time.perf_counter()
    await sleep(0.01)
    return began, ended


async def _until(condition: Callable[[], bool]) -> float:
    took = await until_on(condition, limit=_PATIENCE)
    return _PATIENCE if took is None else took


@contextmanager
def _log() -> Iterator[BufferingHandler]:
    """What the watch logs."""
    log, logger = BufferingHandler(10_000), logging.getLogger("trio_lab.stalls")
    logger.addHandler(log)
    try:
        yield log
    finally:
        logger.removeHandler(log)


_FIGURES: Measures[list[_Run]] = {
    "faults": len,
    "shown_max_s": lambda runs: max(run.shown for run in runs),
    "not_put_back": lambda runs: sum(run.back >= _PATIENCE for run in runs),
    "not_told_again": lambda runs: sum(not run.told_again for run in runs),
    "hasty": lambda runs: sum(run.hasty for run in runs),
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


def with_a_plain_one(loop: str) -> dict[str, float | None]:
    return run_on(loop, _with_a_plain_one)


async def _with_a_plain_one() -> dict[str, float | None]:
    """On asyncio nothing else calls it either once it is broken."""
    monitor = _Plain()
    if trio.lowlevel.in_trio_run():
        trio.lowlevel.add_instrument(monitor)
    with _log() as log:
        monitor.broken = True
        await _block()
        shown = await _until(lambda: any("blind" in said.getMessage() for said in log.buffer))
        monitor.broken = False
        await _block()
    return measured(_FIGURES, [_Run(shown=shown, told_again=monitor.longest >= _BLOCK)])


def _on(loop: str) -> Drill:
    return replace(
        DRILL,
        inject=lambda stage: alone(partial(in_process, loop, stage.count(5, quick=1))),
        control=lambda stage: alone(partial(with_a_plain_one, loop)),
    )


DRILL = Drill(
    name="blind-monitor",
    number=24,
    gate=False,
    question="The watch itself breaks: does it say that it is blind, and is it put back each time?",
    figures=_FIGURES,
    checks=(
        check("until the log says that it is blind", "shown_max_s", "<=", 2, "s"),
        check("was not put back", "not_put_back", "<=", 0),
        check("did not tell a block after that", "not_told_again", "<=", 0),
        check("was put back after a second fault as soon as after the first", "hasty", "<=", 0),
    ),
    inject=lambda stage: alone(partial(in_process, "trio", stage.count(5, quick=1))),
    control=lambda stage: alone(partial(with_a_plain_one, "trio")),
    twin="an instrument without a watchdog",
    on_asyncio=_on,
)
