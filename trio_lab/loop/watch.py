"""A watch over an event loop, Trio's or asyncio's: which task blocks it, for how long, at which line.

There are three tiers, each more expensive than the one before. Every pass is measured, always (two hooks a pass). A
watchdog thread samples the line while a pass is over half of its budget. Steps are measured on request, or for a while
after several long passes, so that a pass of many small steps can be recognized.

A `Watch` keeps and logs the stalls, and notices when it does not see everything. `observe` opens one.
"""

from __future__ import annotations

import gc
import logging
import math
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Literal

from ..records.summary import Summary
from .eyes import Eyes, Passes
from .stalls import (
    BUSY_WAIT,
    GC,
    GIL,
    NOT_RUNNING,
    LineSample,
    PassMeasurements,
    Stall,
    StallGroup,
    StallTable,
    cause_of_oversleep,
    stall_of,
)
from .watchdog import Watchdog
from .working_on import text_of

if TYPE_CHECKING:
    from ..records.queue import QueueStatistics
    from .all_queues import AllQueues

_log = logging.getLogger("trio_lab.stalls")

SHORTEST, LONGEST = 0.001, 30.0  # seconds of a budget; a greater number was rather meant as milliseconds
CHECK = 0.5  # seconds between two checks of the watch itself
# Seconds for which blindness is shown before what broke is installed again. Each time it is twice as long as the time
# before, until the watch has seen everything for as long as the longest of them.
_FIRST_REARM, _LAST_REARM = 1.0, 60.0
_LOG_EVERY = 5.0  # seconds between two lines of the log, of one level
# After so many long passes within so many seconds, steps are measured for so many seconds. Passes that something else than the
# loop's own code made long do not count: steps tell nothing of them, and on a crowded machine they would be measured always.
_NOT_ITS_OWN = (NOT_RUNNING, GC, GIL)
_ARM_AFTER, _ARM_WITHIN, _ARMED_FOR = 3, 10.0, 30.0
_SPINNING = 0.9  # share of the passes in which one and the same task had a step
_SPINNERS = 3  # tasks at most; more that have a step in nearly every pass are the clients of a full server
_SPINS = 1000  # passes between two checks, at least
_COLLECTIONS = 1024  # garbage collections that are kept: a pass that makes many objects has one for every 700


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchStatistics:
    """What a watch has seen since it was opened. Times in seconds.

    ``waited`` is time spent waiting for I/O, ``rearmed`` how often a broken part was replaced, ``blind`` why not every
    pass is seen (None when it is).
    """

    passes: Summary
    stalls: int
    waited: float
    steps_measured: bool
    rearmed: int
    blind: str | None


class Watch:
    """An event loop under observation. Open one with `observe`."""

    def __init__(self, eyes: Eyes, *, budget: float, steps: bool | Literal["auto"]) -> None:
        self.eyes = eyes
        self._budget = budget
        self._want_steps = steps
        self._monitor = eyes.passes
        self._monitor.budget = budget
        self._monitor.on_long = self._on_long
        self._monitor.on_overslept = self._on_overslept
        self._armed_until = self._suspects_again = 0.0
        self._long: list[float] = []
        self._table = StallTable()
        self._queues: AllQueues | None = None
        self._collecting: float | None = None
        self._collections: deque[tuple[float, float]] = deque(maxlen=_COLLECTIONS)
        self._logged: dict[int, tuple[float, int]] = {}  # by level: when, and how many stalls had no line since
        self._fault: str | None = None
        self._waited, self._passes, self._free_polls = 0.0, 0, 0  # at the last look
        self._rearmed, self._rearmed_at = 0, -math.inf
        self._rearm_in = _FIRST_REARM
        self._rearm_at: float | None = None  # set while the watch is known to be blind
        self._undo = ExitStack()
        self.on_beat: Callable[[float], None] | None = None
        """Called with the time at which it is to be called again: by the loop now and then when a pass begins, and by the
        watchdog's thread when it wakes, also during a long pass unless the GIL is held. If it raises, that is logged, and it is
        not called any more."""

    def __repr__(self) -> str:
        state = f"blind: {self.blind}" if self.blind else f"{self._table.count} stalls"
        return f"<Watch over {self._budget * 1e3:g} ms a pass, {state}>"

    def stalls(self) -> list[Stall]:
        """The last thousand stalls, the oldest first."""
        return list(self._table.last)

    def table(self) -> list[StallGroup]:
        """All stalls by line and cause, the group with the longest total first."""
        return self._table.rows()

    @property
    def budget(self) -> float:
        """How long a pass may take, in seconds."""
        return self._budget

    @property
    def passes(self) -> Passes:
        """The monitor that measures every pass. Give it to a `PassWindow` to read figures over windows of your own."""
        return self._monitor

    @property
    def count(self) -> int:
        """Stalls since the watch was opened."""
        return self._table.count

    @property
    def blind(self) -> str | None:
        """Why not every stall is seen; None when all are."""
        if self._fault is not None:
            return self._fault
        if not self._watchdog.alive:
            return f"the watchdog's thread has ended ({self._watchdog.fault or 'for an unknown reason'})"
        return self._monitor.blind

    def queues(self) -> tuple[QueueStatistics, ...]:
        """Every queue of this program that can be seen: the run queue, the default threads, executors, and pools of trio_lab.
        What is not counted there is not observed (None). Call it in the loop."""
        if self._queues is None:
            from .all_queues import AllQueues  # a program that does not ask for them starts without msgspec

            self._queues = AllQueues(self.eyes)
        return self._queues.statistics()

    def statistics(self) -> WatchStatistics:
        return WatchStatistics(
            passes=self._monitor.busy.summary(),
            stalls=self._table.count,
            waited=self._monitor.waited,
            steps_measured=self.eyes.log is not None,
            rearmed=self._rearmed,
            blind=self.blind,
        )

    def so_far(self, began: float, now: float) -> Stall:
        """What is known of the pass that began at this time and goes on. For `on_beat`, in the watchdog's thread."""
        return stall_of(self._measurements(began, now), self._watchdog.samples(began), began=began)

    def _beat(self, due: float) -> None:
        try:
            if (on_beat := self.on_beat) is not None:
                on_beat(due)
        except Exception:  # the watchdog must live on
            self.on_beat = None
            self._say(logging.ERROR, "what listens to the watchdog failed, and is not called any more", trace=True)

    # The loop calls these at the end of a long pass, and of a poll that lasted too long.

    def _on_long(self, began: float, ended: float) -> None:
        with self._failing_aloud():
            steps = None if self.eyes.log is None else self.eyes.log.steps()
            samples = self._watchdog.samples(began)
            self._keep(stall_of(self._measurements(began, ended), samples, steps, began=began), samples)

    def _on_overslept(self, due: float, ended: float) -> None:
        with self._failing_aloud():
            measurements = self._measurements(due, ended)
            self._keep(stall_of(measurements, (), began=due, cause=cause_of_oversleep(measurements)))

    def _measurements(self, began: float, ended: float) -> PassMeasurements:
        collections = list(self._collections)  # a collection may end, in any thread, while they are added up
        collected = sum(max(0.0, min(end, ended) - max(start, began)) for start, end in collections)
        return self._watchdog.measurements(began, ended, collected)

    @contextmanager
    def _failing_aloud(self) -> Iterator[None]:
        try:
            yield
        except Exception as fault:  # the loop must go on, and the watch must say that it is blind
            if self._fault is None:  # once, for every long pass may fail now
                self._say(logging.ERROR, "the watch over the loop failed", trace=True)
            self._fault = f"the watch itself failed ({type(fault).__name__}: {fault})"

    def _say(self, level: int, text: str, *parts: object, trace: bool = False) -> None:
        """Log it. A handler of the log that raises is not a fault of the watch, and must not end the program."""
        with suppress(Exception):
            _log.log(level, text, *parts, exc_info=trace)

    def _keep(self, found: Stall, samples: Sequence[LineSample] = ()) -> None:
        now = perf_counter()
        self._table.add(found, samples)
        if found.cause not in _NOT_ITS_OWN:
            self._long = [at for at in self._long if now - at < _ARM_WITHIN] + [now]
        # What is the machine's doing is told more quietly, and must not take the turn of a line that everybody sees.
        level = logging.INFO if found.cause == NOT_RUNNING else logging.WARNING
        logged, more = self._logged.get(level, (-math.inf, 0))
        if now - logged < _LOG_EVERY:
            self._logged[level] = logged, more + 1
            return
        self._say(level, "%s%s", found, f" ({more} more since the last line)" if more else "")
        self._logged[level] = now, 0

    def open(self) -> None:
        """Begin to watch. Call `close` after it also when it raises: some parts may run already."""
        self.eyes.undisturbed(self._open)

    def pause(self) -> None:
        """The loop has stopped, and may run again."""
        self.passes.pause()

    def go_on(self) -> None:
        """The loop runs again, perhaps in another thread, which then needs a watchdog of its own."""
        if not self._watchdog.here:
            self._watchdog.stop()
            self._start_watchdog()
        self.passes.begin()

    def close(self) -> None:
        self._monitor.budget = math.inf  # a monitor that other code has wrapped can only be silenced
        self.eyes.undisturbed(self._undo.close)

    def _open(self) -> None:
        self._start_watchdog()
        self._undo.callback(lambda: self._watchdog.stop())
        self._undo.callback(self._monitor.remove)
        self._monitor.install()
        self._undo.callback(self._forget_collections)
        gc.callbacks.append(self._on_gc)
        self._undo.callback(self._measure_steps, False)
        self._measure_steps(self._want_steps is True)

    def _start_watchdog(self) -> None:
        self._watchdog = Watchdog(self.eyes, budget=self._budget, on_beat=self._beat)
        self._watchdog.start()

    def _on_gc(self, phase: str, _: dict[str, int]) -> None:
        now = perf_counter()
        if phase == "start":
            self._collecting = now
        elif self._collecting is not None:  # else the watch was opened during it
            self._collections.append((self._collecting, now))
            self._collecting = None

    def _forget_collections(self) -> None:
        with suppress(ValueError):  # other code had cleared the list
            gc.callbacks.remove(self._on_gc)

    def _measure_steps(self, on: bool) -> None:
        self.eyes.measure_steps(on)

    def look(self) -> None:
        """Report blindness, install again what broke, turn the measuring of steps on and off. Call it about every `CHECK`
        seconds, in the loop."""
        waited, passes, free = self._monitor.waited, self._monitor.busy.count, self._monitor.free_polls
        with self._failing_aloud():
            self._find_spinner(passes - self._passes, waited - self._waited, free - self._free_polls)
            self._look_at_itself(self.eyes.now())
            self._arm(perf_counter())
        self._waited, self._passes, self._free_polls = waited, passes, free

    def _look_at_itself(self, now: float) -> None:
        """Log each time that the watch becomes blind. When the time has come, install again what broke."""
        blind = self.blind
        if blind is None:
            self._rearm_at = None
            if now - self._rearmed_at >= _LAST_REARM:
                self._rearm_in = _FIRST_REARM
        elif self._rearm_at is None:
            self._rearm_at = now + self._rearm_in
            self._measure_steps(False)  # the log of a pass whose end is not seen would only grow
            self._say(logging.WARNING, "the watch over the loop is blind: %s", blind)
        elif now >= self._rearm_at:
            self._rearm_at, self._rearmed_at = None, now
            self._rearm_in = min(2 * self._rearm_in, _LAST_REARM)
            self._rearm()

    def _rearm(self) -> None:
        self._rearmed += 1
        if not self._watchdog.alive:
            self._watchdog.stop()  # it holds descriptors
            self._start_watchdog()
        self._monitor.install_again()
        self._measure_steps(False)
        self._measure_steps(self._want_steps is True)
        self._fault = None

    def _arm(self, now: float) -> None:
        if self._want_steps != "auto" or self._rearm_at is not None:
            return
        if len(self._long) >= _ARM_AFTER and now - self._long[-_ARM_AFTER] < _ARM_WITHIN:
            self._armed_until = now + _ARMED_FOR
        self._measure_steps(now < self._armed_until)

    def _find_spinner(self, passes: int, waited: float, free_polls: int) -> None:
        """Find a task that had a step in nearly every pass while the loop hardly waited for I/O: a busy wait.

        Such a task is runnable whenever the loop polls. In a server under full load one may have a step in every pass as
        well, and if its client is quick it finds the next request when it has answered the last: then it never waits either.
        But a single connection has to wait for its client, so several tasks are like that: eight of eight, as was seen.
        """
        forced = free_polls <= (1 - _SPINNING) * passes
        spinning = forced and passes >= _SPINS and waited < CHECK / 2
        log = self.eyes.log
        if log is not None:
            self._fault = self.eyes.steps_blind() or self._fault
            turns, looked_at = log.read_turns()
            always = [task for task, times in turns.items() if times >= _SPINNING * looked_at]
            if spinning and 0 < len(always) <= _SPINNERS:
                task = max(always, key=turns.__getitem__)
                self._keep(self._busy_wait(task, turns[task], looked_at))
        if spinning and self._want_steps == "auto" and (now := perf_counter()) >= self._suspects_again:
            self._suspects_again = now + _ARMED_FOR
            self._armed_until = max(self._armed_until, now + CHECK / 2)

    def _busy_wait(self, task: Hashable, turns: int, passes: int) -> Stall:
        who, frame = self.eyes.whose(task)
        return Stall(
            duration=CHECK,
            cause=BUSY_WAIT,
            filename="" if frame is None else frame.f_code.co_filename,
            lineno=0 if frame is None else frame.f_lineno or 0,
            function="" if frame is None else frame.f_code.co_qualname,
            task_name=who.name,
            samples=turns,
            began=perf_counter(),
            share=turns / passes,
            label=text_of(who.label),
        )
