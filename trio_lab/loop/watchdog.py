"""A thread that looks at the loop during a long pass, when the loop itself cannot.

It sleeps while passes are short (`wakes`). A *beat* is a reading of the time, of the CPU time of the loop's thread and of the
process so far, and of how long the two threads have waited for a CPU so far. The loop takes one when it puts the thread's
timer off, and the thread at each look. When the current pass has lasted for half of the budget, a look also samples the line
that the loop's thread is in. In a very long pass looks become fewer. Only names and numbers are kept, never a frame, because
a frame keeps its locals alive.

A C call that holds the GIL holds up this thread too. It gets the GIL when the call returns and before the next line runs,
because the interpreter checks after every call whether another thread wants it. So the line it sees is still the right
one. Such a sample stands for all the time since the one before: samples are weighted by time, not counted.

On a busy machine this thread waits for a CPU as the loop does. Linux says for how long (`run_delay`), and that part of its
delay is not taken for a missing GIL. On a virtual machine the CPU itself may have to wait for the host; Linux counts that
for each CPU and not for each thread.
"""

from __future__ import annotations

import logging
import math
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import NamedTuple

from .code_line import blamed, coroutines, importing
from .eyes import Eyes
from .kernel import Timer
from .loop_time import nothing
from .run_delay import RunDelay, Steal
from .stalls import LineSample, PassMeasurements
from .wakes import Wakes

_log = logging.getLogger(__name__)

_KEPT_BEATS = 512  # they reach back to the begin of a pass of an hour, as a long pass is sampled less and less often
_OLD = 0.1  # seconds: what was stolen is read no more often than this, because reading it takes the kernel long
_KEPT_SAMPLES = 256  # of a pass with more samples, the last ones


class _Waits(NamedTuple):
    """Seconds waited for a CPU by the loop's thread and by this one, and how often the loop's thread was given one, as read at
    ``at``; and seconds stolen from each CPU, as read at ``stolen_at``, up to `_OLD` earlier."""

    at: float
    loop: float
    own: float
    stolen: tuple[float, ...]
    stolen_at: float
    turns: int = 0


class _Beat(NamedTuple):
    """One reading. ``next_due`` is when the watchdog's thread is to look next."""

    at: float
    next_due: float
    loop_cpu: float
    process_cpu: float
    waits: _Waits


Readings = list[tuple[float, float]]  # of a counter that only grows: (time, value)


def _since(readings: Readings, began: float) -> float:
    """By how much a counter grew since ``began``. Only the first of its readings may be older than that."""
    return _begun(readings, began) + readings[-1][1] - readings[1][1]


def _begun(readings: Readings, began: float) -> float:
    """By how much a counter grew from ``began`` to its second reading.

    No reading was taken at ``began``. The counter is assumed to have grown at the rate that it had afterwards, within what
    the first two readings allow.
    """
    (before, first), (after, second), *_ = readings
    end, last = readings[-1]
    counted = max(0.0, second - first)
    if end <= after:
        return counted
    likely = (last - second) / (end - after) * (after - began)
    return min(counted, max(0.0, counted - max(0.0, began - before), likely))


class _LoopThreadEnded(Exception):
    """There is nothing to look at any more."""


def _ignore(due: float) -> None:
    """What is called at each beat unless another function is given."""


class Watchdog:
    """Watches a loop from a thread of its own. Create, `start` and `stop` it in the loop's thread.

    ``on_beat`` is called at each beat, by either thread, with the time at which the next one is due. It must not raise.
    """

    def __init__(self, eyes: Eyes, *, budget: float, on_beat: Callable[[float], None] = _ignore) -> None:
        self._on_beat = on_beat
        self._timer = Timer()
        self._eyes = eyes
        self._loop = eyes.passes
        self.set_budget(budget)
        self._measure_this_thread()
        self._own_delay: RunDelay | None = None
        self._own_waited = 0.0  # as last read
        self._steal = Steal()
        self._stolen: tuple[float, tuple[float, ...]] = (-math.inf, ())  # and when it was read
        self._beats: deque[_Beat] = deque(maxlen=_KEPT_BEATS)
        self._samples: deque[tuple[float, LineSample]] = deque(maxlen=_KEPT_SAMPLES)  # with the begin of their pass
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="trio_lab watchdog", daemon=True)
        self._woke = 0.0
        self.fault: str | None = None

    def _measure_this_thread(self) -> None:
        """It is the loop's."""
        self._loop_thread, self._native_thread = threading.get_ident(), threading.get_native_id()
        self._loop_clock = time.pthread_getcpuclockid(self._loop_thread)
        self._loop_delay = RunDelay()

    def set_budget(self, budget: float) -> None:
        """Of the passes that begin from now on."""
        self._budget = budget
        self._wakes = Wakes(self._loop, self._timer, budget)
        self._loop.renew_at = -math.inf

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def here(self) -> bool:
        """Whether this is the thread of the loop, as it was then. Identifiers of threads are used again, native ones hardly."""
        return threading.get_native_id() == self._native_thread

    def begin(self) -> None:
        """Look at the loop from now on, whatever the thread was to wait for."""
        self._woke = time.perf_counter()
        self._loop.on_renew = self._put_off
        self._put_off(self._woke)

    def start(self) -> None:
        self.begin()
        try:
            self._thread.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the thread, if it was started and lives, and wait for it. It wakes at once."""
        self._stopped = True
        if self._thread.ident is not None:
            self._timer.set(0.0)
            self._thread.join()
        self._loop.on_renew = nothing
        for opened in (self._timer, self._loop_delay, self._own_delay, self._steal):
            if opened is not None:
                opened.close()

    def _put_off(self, now: float) -> None:
        """The loop calls it when a pass begins. The beat is not older than the pass, which is judged by it."""
        self._wakes.put_off(now)
        # While the thread sleeps it waits for no CPU, and to read that would be a sixth of what this costs.
        self._beats.append(self._beat(now, now + self._wakes.due, self._read_waits(_OLD, own=self._own_waited)))
        self._on_beat(now + self._wakes.due)

    def _run(self) -> None:
        try:
            self._own_delay, self._own_waited = RunDelay(), 0.0
            while not self._stopped:  # asked again after the timer was set, which `stop` may have done just before
                self._timer.wait()
                if self._stopped:
                    return
                wakes = self._wakes
                began = self._look()  # first of all, while the loop is still at the line that released the GIL
                waits, now = self._read_waits(_OLD), time.perf_counter()
                wait = wakes.sleep(now, began)
                if wakes is not self._wakes:  # there is another budget, or loop, since
                    self._timer.set(self._wakes.due)
                self._beats.append(self._beat(now, now + wait, waits))
                self._on_beat(now + wait)
                del wakes  # while it sleeps, this thread keeps no loop alive
        except _LoopThreadEnded:
            self.fault = "the loop's thread has ended"
        except Exception as fault:  # a thread that dies must be reported, whatever the reason
            self.fault = f"{type(fault).__name__}: {fault}"
            with suppress(Exception):
                _log.exception("the watchdog of the loop died")

    def _read_waits(self, oldest: float = 0.0, own: float | None = None) -> _Waits:
        """What was stolen may have been read up to ``oldest`` seconds before. ``own`` is not read if it is given."""
        now, (stolen_at, stolen) = time.perf_counter(), self._stolen
        if now - stolen_at >= oldest:
            stolen_at, stolen = self._stolen = now, self._steal.read()
        if own is None:
            own = self._own_waited = 0.0 if self._own_delay is None else self._own_delay.read()[0]
        loop, turns = self._loop_delay.read()
        return _Waits(now, loop, own, stolen, stolen_at, turns)

    def _beat(self, at: float, next_due: float, waits: _Waits) -> _Beat:
        try:
            loop_cpu = time.clock_gettime(self._loop_clock)
        except OSError:  # a loop may be left open, or closed by another thread
            raise _LoopThreadEnded from None
        return _Beat(at, next_due, loop_cpu, time.process_time(), waits)

    def _look(self) -> float | None:
        """When the current pass began, None while the loop polls. Takes a sample if the pass is long already."""
        now, before, began = time.perf_counter(), self._woke, self._loop.pass_began()
        self._woke = now
        if began is None or now - began < self._wakes.long:
            return began
        frames = self._eyes.frames(sys._current_frames().get(self._loop_thread))
        try:
            if not frames:
                return began
            who = self._eyes.who(frames)
            sample = LineSample(
                line=blamed(frames),
                task_name=who.name,
                path=who.path,
                label=who.label,
                stands_for=now - max(began, before),
                importing=importing(frames),
                step=id(frames[-1]),
                coroutines=coroutines(frames),
            )
        finally:
            del frames
        self._samples.append((began, sample))
        return began

    # Called by the loop, when a pass has ended.

    def measurements(self, began: float, ended: float, collected: float) -> PassMeasurements:
        """What was measured during the pass between two times; garbage collections took ``collected`` seconds of it."""
        beats = sorted(self._beats, key=lambda beat: beat.at)  # two threads have added to them
        before = next((beat for beat in reversed(beats) if beat.at <= began), beats[0])
        within = [beat for beat in beats if max(began, before.at) < beat.at <= ended]
        last = self._beat(ended, ended, self._read_waits())
        seen = [before, *within, last]
        wanted = self._held_up(seen, began)
        loop_cpu = _since([(beat.at, beat.loop_cpu) for beat in seen], began)
        # Which CPU the loop's thread was on is not known: take the one that lost most, but no more than the time in which the
        # thread did not run.
        lost = _since([(beat.waits.at, beat.waits.loop) for beat in seen], began) + _stolen(seen, began)
        return PassMeasurements(
            duration=ended - began,
            budget=self._budget,
            loop_cpu=loop_cpu,
            loop_delayed=min(lost, max(0.0, ended - began - loop_cpu)),
            process_cpu=_since([(beat.at, beat.process_cpu) for beat in seen], began),
            gc=collected,
            shut_out=max(wanted, default=0.0),
            late=sum(wanted) / len(wanted) if wanted else 0.0,
            starved=_since([(beat.waits.at, beat.waits.own) for beat in seen], began),
            nap=_nap(*(seen if len(seen) == 2 else (seen[1], last))),
        )

    def _held_up(self, seen: list[_Beat], began: float) -> list[float]:
        """For each beat before which this thread wanted the GIL since the pass began: for how long. A beat that the loop took
        before this thread was due to look tells nothing of it."""
        first = _begun([(beat.waits.at, beat.waits.own) for beat in seen], began)
        later = [two.waits.own - one.waits.own for one, two in pairwise(seen[1:])]
        return [
            max(0.0, two.at - max(began, one.next_due) - waited)
            for (one, two), waited in zip(pairwise(seen), [first, *later], strict=True)
            if one.next_due < two.at
        ]

    def samples(self, began: float) -> list[LineSample]:
        """The samples of the pass that began at this time."""
        return [sample for at, sample in list(self._samples) if at == began]


def _nap(one: _Beat, two: _Beat) -> float:
    """How long the loop's thread slept at a time between two beats, on average; 0.0 if that is not counted."""
    slept = two.waits.at - one.waits.at - (two.loop_cpu - one.loop_cpu) - (two.waits.loop - one.waits.loop)
    return max(0.0, slept) / max(1, two.waits.turns - one.waits.turns) if two.waits.turns else 0.0


def _stolen(seen: list[_Beat], began: float) -> float:
    """Seconds that the hypervisor took since ``began`` from the CPU that it took most from."""
    cpus = zip(*(beat.waits.stolen for beat in seen), strict=False)
    times = [beat.waits.stolen_at for beat in seen]
    return max((_since(list(zip(times, cpu, strict=True)), began) for cpu in cpus), default=0.0)
