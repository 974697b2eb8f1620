"""A thread that looks at the loop during a long pass, when the loop itself cannot.

Each wake is a *beat*: its time, the CPU time of the loop's thread and of the process so far, and how long the two threads
have waited for a CPU so far. The thread wakes twice per budget, so it wants the GIL for at least half of every pass that is
over the budget. When the current pass has lasted for half of its budget, it also samples the line that the loop's thread
is in, and wakes twice as often. In a very long pass it wakes less and less often. Only names and numbers are kept, never a
frame, because a frame keeps its locals alive.

The wakes are most of what a watch costs: on a virtual machine a tenth of a millisecond and more each, before anything is
done. So how long the threads waited for a CPU, which takes reading a file for each, is read at every beat only while the
loop is busy.

A C call that holds the GIL holds up this thread too. It gets the GIL when the call returns and before the next line runs,
because the interpreter checks after every call whether another thread wants it. So the line it sees is still the right
one. Such a sample stands for all the time since the one before: samples are weighted by time, not counted.

On a busy machine this thread waits for a CPU as the loop does. Linux says for how long (`run_delay`), and that part of its
delay is not taken for a missing GIL. On a virtual machine the CPU itself may have to wait for the host; Linux counts that
for each CPU and not for each thread.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

from .code_line import blamed, coroutines, importing
from .eyes import Eyes
from .run_delay import RunDelay, Steal
from .stalls import LineSample, PassMeasurements

_log = logging.getLogger(__name__)

# As shares of the budget: the age from which a pass is sampled, and the time between two beats until then. Their sum must
# not be over 1, or a pass over its budget could end without a sample.
_LONG = _REST = 0.5
_AGAIN = 0.25  # of the budget: the time between two samples of a pass,
_OF_ITS_AGE = 1 / 32  # or this share of its age, when that is longer
_LONGEST_PERIOD = 0.1  # seconds: a watchdog with a long budget must notice soon, too, that it is blind
_KEPT_BEATS = (
    512  # enough to reach back to the begin of a pass of an hour, as a long pass is sampled less and less often
)
_OLD = 0.1  # seconds: while the loop polls, the waits for a CPU are read no more often than this
_KEPT_SAMPLES = 256  # of a pass with more samples, the last ones


@dataclass(frozen=True, slots=True)
class _Waits:
    """Seconds waited for a CPU by the loop's thread and by this one, and stolen from each CPU, as read at ``at``."""

    at: float
    loop: float
    own: float
    stolen: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Beat:
    """One wake. Its ``waits`` may have been read up to `_OLD` earlier, if the loop was polling."""

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


class Watchdog:
    """Watches a loop from a thread of its own. Create, `start` and `stop` it in the loop's thread."""

    def __init__(self, eyes: Eyes, *, budget: float) -> None:
        self._eyes = eyes
        self._loop = eyes.passes
        self.set_budget(budget)
        self._loop_thread = threading.get_ident()
        self._loop_clock = time.pthread_getcpuclockid(self._loop_thread)
        self._loop_delay = RunDelay()
        self._own_delay: RunDelay | None = None
        self._steal = Steal()
        self._waits = self._read_waits()
        self._beats: deque[_Beat] = deque(maxlen=_KEPT_BEATS)
        self._samples: deque[tuple[float, LineSample]] = deque(maxlen=_KEPT_SAMPLES)  # with the begin of their pass
        self._end = (
            threading.Lock()
        )  # held until the thread shall end; waiting for it costs half as much as for an Event
        self._end.acquire()
        self._thread = threading.Thread(target=self._run, name="trio_lab watchdog", daemon=True)
        self._woke = 0.0
        self.fault: str | None = None

    def set_budget(self, budget: float) -> None:
        """Of the passes that begin from now on."""
        self._budget = budget
        self._long = _LONG * budget
        self._period = min(_AGAIN * budget, _LONGEST_PERIOD)
        self._rest = min(_REST * budget, _LONGEST_PERIOD)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        now = time.perf_counter()
        self._beats.append(self._beat(now, now + self._period, self._waits))
        self._woke = self._beats[0].at
        try:
            self._thread.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the thread, if it was started and lives, and wait for it. It wakes at once."""
        with suppress(RuntimeError):
            self._end.release()
        if self._thread.ident is not None:
            self._thread.join()
        for counter in (self._loop_delay, self._own_delay, self._steal):
            if counter is not None:
                counter.close()

    def _run(self) -> None:
        try:
            self._own_delay = RunDelay()
            wait = self._period
            while not self._end.acquire(timeout=wait):
                # First of all, while the loop is still at the line that released the GIL.
                age = self._look()
                if age is not None or self._woke - self._waits.at >= _OLD:
                    self._waits = self._read_waits()
                    # Reading a file releases the GIL, and a whole C call may pass before this thread has it again.
                    if time.perf_counter() - self._woke >= sys.getswitchinterval():
                        age = self._look()
                wait, now = self._wait(age), time.perf_counter()
                self._beats.append(self._beat(now, now + wait, self._waits))
        except _LoopThreadEnded:
            self.fault = "the loop's thread has ended"
        except Exception as fault:  # a thread that dies must be reported, whatever the reason
            self.fault = f"{type(fault).__name__}: {fault}"
            with suppress(Exception):
                _log.exception("the watchdog of the loop died")

    def _wait(self, age: float | None) -> float:
        """Seconds until the next wake, by the age of the pass; None for the age means that the loop polls."""
        return self._rest if age is None or age < self._long else max(self._period, age * _OF_ITS_AGE)

    def _read_waits(self) -> _Waits:
        own = 0.0 if self._own_delay is None else self._own_delay.read()
        return _Waits(time.perf_counter(), self._loop_delay.read(), own, self._steal.read())

    def _beat(self, at: float, next_due: float, waits: _Waits) -> _Beat:
        try:
            loop_cpu = time.clock_gettime(self._loop_clock)
        except OSError:  # a loop may be left open, or closed by another thread
            raise _LoopThreadEnded from None
        return _Beat(at, next_due, loop_cpu, time.process_time(), waits)

    def _look(self) -> float | None:
        """The age of the current pass, None while the loop polls. Takes a sample if the pass is long already."""
        now, before, began = time.perf_counter(), self._woke, self._loop.pass_began()
        self._woke = now
        if began is None or now - began < self._long:
            return None if began is None else now - began
        frames = self._eyes.frames(sys._current_frames().get(self._loop_thread))
        try:
            if not frames:
                return now - began
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
        return now - began

    # Called by the loop, when a pass has ended.

    def measurements(self, began: float, ended: float, collected: float) -> PassMeasurements:
        """What was measured during the pass between two times; garbage collections took ``collected`` seconds of it."""
        beats = list(self._beats)
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
            shut_out=max(wanted),
            late=sum(wanted) / len(wanted),
            starved=_since([(beat.waits.at, beat.waits.own) for beat in seen], began),
        )

    def _held_up(self, seen: list[_Beat], began: float) -> list[float]:
        """For each beat, how long this thread had wanted the GIL before it, since the pass began."""
        first = _begun([(beat.waits.at, beat.waits.own) for beat in seen], began)
        later = [two.waits.own - one.waits.own for one, two in pairwise(seen[1:])]
        return [
            max(0.0, two.at - max(began, one.next_due) - waited)
            for (one, two), waited in zip(pairwise(seen), [first, *later], strict=True)
        ]

    def samples(self, began: float) -> list[LineSample]:
        """The samples of the pass that began at this time."""
        return [sample for at, sample in list(self._samples) if at == began]


def _stolen(seen: list[_Beat], began: float) -> float:
    """Seconds that the hypervisor took since ``began`` from the CPU that it took most from."""
    cpus = zip(*(beat.waits.stolen for beat in seen), strict=False)
    times = [beat.waits.at for beat in seen]
    return max((_since(list(zip(times, cpu, strict=True)), began) for cpu in cpus), default=0.0)
