"""`trio_lab.observe`: one line in any Trio program, and its loop tells who blocks it, for how long, at which line.

Three tiers, each dearer than the one before. Every pass is measured, always (two hooks a pass). A watchdog thread takes
the line while a pass is over its budget. Steps are measured when asked for, or for a while after passes grew long, so
that a pass of many small steps can be named as what it is.
"""

from __future__ import annotations

import gc
import logging
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

import trio

from ..records.summary import Summary
from .passes import PassMonitor
from .stalls import BUSY_WAIT, NOT_RUNNING, Evidence, Row, Stall, StallTable, cause_of_oversleep, stall
from .steps import StepMonitor
from .watchdog import Watchdog

_log = logging.getLogger("trio_lab.stalls")

WORKING_ON: ContextVar[str | None] = ContextVar("trio_lab_working_on", default=None)
"""What the current task is working on, in words that may be kept (a method and a route, never a query)."""

_CHECK = 0.5  # seconds between two looks of the monitor at itself
_REARM_AFTER = 1.0  # seconds for which blindness is shown before the monitor is put back, once
_LOG_EVERY = 5.0  # seconds between two lines of the log
_ARM_AFTER, _ARM_WITHIN, _ARMED_FOR = (
    3,
    10.0,
    30.0,
)  # long passes, in seconds; seconds for which steps are then measured
_SPINNING = 0.9  # share of passes in which one and the same task had a step
_COLLECTIONS = 64  # of garbage, the last ones, with begin and end
_SPINS = 1000  # passes in one look, at least


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchStatistics:
    """What a watch saw since it was opened. Seconds."""

    passes: Summary
    stalls: int
    waited: float
    steps_measured: bool
    rearmed: int
    blind: str | None


class Watch:
    """A loop that is being watched. Open one with `observe`."""

    def __init__(self, budget: float, steps: bool | Literal["auto"]) -> None:
        self._budget = budget
        self._want_steps = steps
        self._monitor = PassMonitor()
        self._monitor.budget = budget
        self._monitor.on_long = self._on_long
        self._monitor.on_overslept = self._on_overslept
        self._steps: StepMonitor | None = None
        self._armed_until = self._suspects_again = 0.0
        self._long: list[float] = []
        self._table = StallTable()
        self._collecting = 0.0
        self._collections: deque[tuple[float, float]] = deque(maxlen=_COLLECTIONS)
        self._logged, self._unlogged = 0.0, 0
        self._fault: str | None = None
        self._was_blind = False
        self._rearmed = 0
        self._watchdog = self._new_watchdog()

    def __repr__(self) -> str:
        state = f"blind: {self.blind}" if self.blind else f"{self._table.count} stalls"
        return f"<Watch over {self._budget * 1e3:g} ms a pass, {state}>"

    def stalls(self) -> list[Stall]:
        """The last thousand, oldest first."""
        return list(self._table.last)

    def table(self) -> list[Row]:
        """All of them by line and cause, the costliest first."""
        return self._table.rows()

    @property
    def budget(self) -> float:
        """What a pass may take, in seconds."""
        return self._budget

    @property
    def passes(self) -> PassMonitor:
        """What measures every pass here: whoever wants windows of its own reads them from it."""
        return self._monitor

    @property
    def count(self) -> int:
        """Stalls since the watch was opened."""
        return self._table.count

    @property
    def blind(self) -> str | None:
        """Why not everything is seen; None when it is."""
        if self._fault is not None:
            return self._fault
        if not self._watchdog.alive:
            return f"the watchdog's thread has ended ({self._watchdog.fault or 'nobody knows why'})"
        return self._monitor.blind

    def statistics(self) -> WatchStatistics:
        return WatchStatistics(
            passes=self._monitor.busy.summary(),
            stalls=self._table.count,
            waited=self._monitor.waited,
            steps_measured=self._steps is not None,
            rearmed=self._rearmed,
            blind=self.blind,
        )

    # The loop calls these at the end of a long pass, and of a poll that was too long.

    def _on_long(self, began: float, ended: float) -> None:
        with self._failing_aloud():
            steps = None if self._steps is None else self._steps.steps()
            self._keep(stall(self._evidence(began, ended), self._watchdog.samples(began), steps, began=began))

    def _on_overslept(self, due: float, ended: float) -> None:
        with self._failing_aloud():
            evidence = self._evidence(due, ended)
            self._keep(stall(evidence, (), began=due, cause=cause_of_oversleep(evidence)))

    def _evidence(self, began: float, ended: float) -> Evidence:
        collections = list(self._collections)  # a collection may end, here or in another thread, while we add them up
        collected = sum(max(0.0, min(end, ended) - max(start, began)) for start, end in collections)
        return self._watchdog.evidence(began, ended, collected)

    @contextmanager
    def _failing_aloud(self) -> Iterator[None]:
        try:
            yield
        except Exception as fault:  # the loop must go on, and what is not seen must be said
            self._fault = f"the watch itself failed ({type(fault).__name__}: {fault})"
            _log.exception("the watch over the loop failed")

    def _keep(self, found: Stall) -> None:
        now = perf_counter()
        self._table.add(found)
        self._long = [at for at in self._long if now - at < _ARM_WITHIN] + [now]
        if now - self._logged >= _LOG_EVERY:
            more = f" ({self._unlogged} more since the last line)" if self._unlogged else ""
            level = logging.INFO if found.cause == NOT_RUNNING else logging.WARNING
            _log.log(level, "%s%s", found, more)
            self._logged, self._unlogged = now, 0
        else:
            self._unlogged += 1

    # Life.

    def open(self) -> None:
        self._monitor.install()
        self._watchdog.start()
        gc.callbacks.append(self._on_gc)
        if self._want_steps is True:
            self._measure_steps(True)

    def close(self) -> None:
        gc.callbacks.remove(self._on_gc)
        self._measure_steps(False)
        self._watchdog.stop()
        self._monitor.remove()

    def _new_watchdog(self) -> Watchdog:
        root = trio.lowlevel.current_root_task()
        assert root is not None
        return Watchdog(self._monitor, budget=self._budget, root=root, label=_label)

    def _on_gc(self, phase: str, _: dict[str, int]) -> None:
        now = perf_counter()
        if phase == "start":
            self._collecting = now
        else:
            self._collections.append((self._collecting, now))

    def _measure_steps(self, on: bool) -> None:
        if on and self._steps is None:
            self._steps = StepMonitor()
            trio.lowlevel.add_instrument(self._steps)
        elif not on and self._steps is not None:
            with suppress(KeyError):  # it raised, and Trio removed it
                trio.lowlevel.remove_instrument(self._steps)
            self._steps = None

    async def look_after(self) -> None:
        """Runs as long as the watch: notices blindness, puts the monitor back once, arms and disarms the steps."""
        while True:
            waited, passes = self._monitor.waited, self._monitor.busy.count
            await trio.sleep(_CHECK)
            if self._says_that_it_is_blind() and not self._rearmed:
                await self._rearm()
            self._find_spinner(self._monitor.busy.count - passes, self._monitor.waited - waited)
            self._arm(perf_counter())

    def _says_that_it_is_blind(self) -> bool:
        """Once each time that it becomes so."""
        blind = self.blind
        if blind is not None and not self._was_blind:
            _log.warning("the watch over the loop is blind: %s", blind)
        self._was_blind = blind is not None
        return self._was_blind

    async def _rearm(self) -> None:
        await trio.sleep(_REARM_AFTER)
        self._rearmed += 1
        if not self._watchdog.alive:
            self._watchdog.stop()  # it holds a descriptor
            self._watchdog = self._new_watchdog()
            self._watchdog.start()
        self._monitor.install_again()
        self._fault = None

    def _arm(self, now: float) -> None:
        if self._want_steps != "auto":
            return
        if len(self._long) >= _ARM_AFTER and now - self._long[-_ARM_AFTER] < _ARM_WITHIN:
            self._armed_until = now + _ARMED_FOR
        self._measure_steps(now < self._armed_until)

    def _find_spinner(self, passes: int, waited: float) -> None:
        """A task that has a step in nearly every pass while the loop hardly ever waits: it goes round and round."""
        spinning = passes >= _SPINS and waited < _CHECK / 2  # a poll that waits for nothing takes its time as well
        turns: Counter[trio.lowlevel.Task] = Counter() if self._steps is None else self._steps.read_turns()
        if spinning and turns:
            [(task, most)] = turns.most_common(1)
            if most >= _SPINNING * passes:
                self._keep(_busy_wait(task, most, passes))
        if spinning and self._want_steps == "auto" and (now := perf_counter()) >= self._suspects_again:
            self._suspects_again = now + _ARMED_FOR
            self._armed_until = max(self._armed_until, now + _CHECK / 2)


def _busy_wait(task: trio.lowlevel.Task, turns: int, passes: int) -> Stall:
    frame = getattr(task.coro, "cr_frame", None)
    return Stall(
        duration=_CHECK,
        cause=BUSY_WAIT,
        filename="" if frame is None else frame.f_code.co_filename,
        lineno=0 if frame is None else frame.f_lineno or 0,
        function="" if frame is None else frame.f_code.co_qualname,
        task_name=task.name,
        samples=turns,
        began=perf_counter(),
        share=turns / passes,
        label=_label(task),
    )


def _label(task: trio.lowlevel.Task) -> str | None:
    return task.context.get(WORKING_ON)


@asynccontextmanager
async def observe(*, budget: float = 0.05, steps: bool | Literal["auto"] = "auto") -> AsyncIterator[Watch]:
    """Watch the current run's loop for the length of the block.

    ``budget`` is what a pass may take, in seconds; every longer one becomes a `Stall`. ``steps`` measures each step of
    each task: always, never, or for half a minute after three long passes in ten seconds.

    Raises:
        ValueError: the budget is not over a millisecond.
    """
    if not budget >= 0.001:
        raise ValueError("budget must be at least a millisecond")
    watch = Watch(budget, steps)
    watch.open()
    failure: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.look_after)
            try:
                yield watch
            except BaseException as error:  # raised below: one line more in a program must not change what it raises
                failure = error
            nursery.cancel_scope.cancel()
    finally:
        watch.close()
    if failure is not None:
        raise failure
