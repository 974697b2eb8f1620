"""A thread that looks at the loop while a pass lasts: the only one who can, for the loop itself stands still.

Each wake is a beat: when it came, what CPU the loop's thread and the process had used by then, and for how long they had
waited for one. It wakes twice per budget, so it wants the GIL for at least half of every pass that is over it. When the
present pass has lasted for half of its budget, it also notes where the loop's thread is, and wakes twice as often, later by
and by less often. Nothing but places and names is kept, never a frame: a frame would keep locals alive.

A wake is what a watch costs most, a tenth of a millisecond and more on a virtual machine before anything is done in it. So
what was waited for a CPU, a file each, is read at every beat only while the loop is busy.

A C call that holds the GIL holds up this thread as well. It gets the GIL when the call returns, before the next line
runs (the interpreter looks for others that want it after every call), so the line it sees is still the right one. Such a
look stands for all the time since the one before it: looks are weighed by their time, not counted.

On a machine that others use too, this thread waits for a CPU as the loop does. Linux says for how long, and that much of
its lateness is nobody's fault in this process (`waiting`). A virtual machine's CPU may itself have to wait for one: Linux
counts that for each CPU and not for each thread.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from types import FrameType

import trio

from .loop_time import LoopTime
from .places import blamed, nursery_path, running_task, step_frames
from .stalls import Evidence, Sample
from .waiting import Delays, Steal

_log = logging.getLogger(__name__)

_LONG = _REST = 0.5  # of the budget: a pass that is worth a look, and a rest; together they are no more than 1
_AGAIN = 0.25  # of the budget: from then on it is looked at so often
_OF_ITS_AGE = 1 / 32  # or, when that is longer, each time that the pass has grown by so much
_LONGEST_PERIOD = 0.1  # seconds: also a watchdog with a long budget must notice soon that it is blind
_KEPT_BEATS = (
    512  # as a long pass is looked at ever less often, they reach back to its begin even if it lasts for an hour
)
_OLD = 0.1  # seconds: while the loop waits for I/O, what it waited for a CPU is read no more often
_KEPT_SAMPLES = 256  # of one pass: of a long one the last


@dataclass(frozen=True, slots=True)
class _Waits:
    """For a CPU: the loop's thread, this one, and each CPU for the hypervisor; read at ``at``."""

    at: float
    loop: float
    own: float
    stolen: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Beat:
    """``waits`` may be older by up to `_OLD`, if the loop was not in a pass."""

    at: float
    next_due: float
    loop_cpu: float
    process_cpu: float
    waits: _Waits


Readings = list[tuple[float, float]]  # of something that only grows: when, and how much so far


def _since(readings: Readings, began: float) -> float:
    """What came since ``began``, of readings of which the first alone may be older."""
    return _begun(readings, began) + readings[-1][1] - readings[1][1]


def _begun(readings: Readings, began: float) -> float:
    """What came from ``began`` to the second reading. Between the first one and that it is taken to have gone on as it did
    afterwards, as far as the two allow."""
    (before, first), (after, second), *_ = readings
    end, last = readings[-1]
    counted = max(0.0, second - first)
    if end <= after:
        return counted
    likely = (last - second) / (end - after) * (after - began)
    return min(counted, max(0.0, counted - max(0.0, began - before), likely))


class Watchdog:
    """Watches ``loop`` from a thread of its own. Made in the loop's thread; `start` and `stop` are called there too.

    ``label`` is asked for what a task is working on.
    """

    def __init__(
        self,
        loop: LoopTime,
        *,
        budget: float,
        root: trio.lowlevel.Task,
        label: Callable[[trio.lowlevel.Task], str | None],
    ) -> None:
        self._loop = loop
        self._budget = budget
        self._root = root
        self._label = label
        self._loop_thread = threading.get_ident()
        self._loop_clock = time.pthread_getcpuclockid(self._loop_thread)
        self._loop_delays = Delays()
        self._own_delays: Delays | None = None
        self._steal = Steal()
        self._waits = self._read_waits()
        self._long = _LONG * budget
        self._period = min(_AGAIN * budget, _LONGEST_PERIOD)
        self._rest = min(_REST * budget, _LONGEST_PERIOD)
        self._beats: deque[_Beat] = deque(maxlen=_KEPT_BEATS)
        self._samples: deque[tuple[float, Sample]] = deque(maxlen=_KEPT_SAMPLES)  # with the begin of their pass
        self._end = threading.Lock()  # held until the thread is to end: waiting for it costs half of what an Event does
        self._end.acquire()
        self._thread = threading.Thread(target=self._run, name="trio_lab watchdog", daemon=True)
        self._woke = 0.0
        self._last_task: weakref.ref[trio.lowlevel.Task] | None = None
        self.fault: str | None = None

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        now = time.perf_counter()
        self._beats.append(self._beat(now, now + self._period, self._waits))
        self._woke = self._beats[0].at
        self._thread.start()

    def stop(self) -> None:
        """Returns when the thread has ended: it wakes at once."""
        self._end.release()
        self._thread.join()
        self._loop_delays.close()
        self._steal.close()

    def _run(self) -> None:
        try:
            self._own_delays = Delays()
            wait = self._period
            while not self._end.acquire(timeout=wait):
                # First of all, while the line is still the one that let go of the GIL.
                age = self._look()
                if age is not None or self._woke - self._waits.at >= _OLD:
                    self._waits = self._read_waits()
                    # To read is to let go of the GIL, and a whole C call may pass before it is there again.
                    if time.perf_counter() - self._woke >= sys.getswitchinterval():
                        age = self._look()
                wait, now = self._wait(age), time.perf_counter()
                self._beats.append(self._beat(now, now + wait, self._waits))
        except Exception as fault:  # whatever it is: a thread that dies must be seen to have died
            self.fault = f"{type(fault).__name__}: {fault}"
            _log.exception("the watchdog of the loop died")
        finally:
            if self._own_delays is not None:
                self._own_delays.close()

    def _wait(self, age: float | None) -> float:
        """Seconds until the next wake, by the age of the pass."""
        return self._rest if age is None or age < self._long else max(self._period, age * _OF_ITS_AGE)

    def _read_waits(self) -> _Waits:
        own = 0.0 if self._own_delays is None else self._own_delays.read()
        return _Waits(time.perf_counter(), self._loop_delays.read(), own, self._steal.read())

    def _beat(self, at: float, next_due: float, waits: _Waits) -> _Beat:
        return _Beat(at, next_due, time.clock_gettime(self._loop_clock), time.process_time(), waits)

    def _look(self) -> float | None:
        """For how long the present pass has lasted, None between two; when that is long already its place is noted."""
        now, before, began = time.perf_counter(), self._woke, self._loop.pass_began()
        self._woke = now
        if began is None or now - began < self._long:
            return None if began is None else now - began
        frames = step_frames(sys._current_frames().get(self._loop_thread))
        try:
            if not frames:
                return now - began
            task = self._task(frames)
            sample = Sample(
                place=blamed(frames),
                task_name="" if task is None else task.name,
                path=nursery_path(task),
                label=None if task is None else self._label(task),
                stands_for=now - max(began, before),
            )
        finally:
            del frames
        self._samples.append((began, sample))
        return now - began

    def _task(self, frames: list[FrameType]) -> trio.lowlevel.Task | None:
        """Whose step it is. Mostly the same one as at the last look: to go through all tasks holds the GIL for long."""
        task = None if self._last_task is None else self._last_task()
        if task is None or getattr(task.coro, "cr_frame", None) is not frames[-1]:
            task = running_task(self._root, frames)
            self._last_task = None if task is None else weakref.ref(task)
        return task

    # Called by the loop, when a pass has ended.

    def evidence(self, began: float, ended: float, collected: float) -> Evidence:
        """What was measured of the pass between two times; ``collected`` seconds of it went into garbage collection."""
        beats = list(self._beats)
        before = next((beat for beat in reversed(beats) if beat.at <= began), beats[0])
        within = [beat for beat in beats if max(began, before.at) < beat.at <= ended]
        last = self._beat(ended, ended, self._read_waits())
        seen = [before, *within, last]
        wanted = self._held_up(seen, began)
        loop_cpu = _since([(beat.at, beat.loop_cpu) for beat in seen], began)
        # Which CPU the loop was on is not known. Its own account says how much it can have lost at most.
        lost = _since([(beat.waits.at, beat.waits.loop) for beat in seen], began) + _stolen(seen, began)
        return Evidence(
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
        """For how long this thread wanted to run before each beat, since a pass began, and could not for want of the GIL."""
        first = _begun([(beat.waits.at, beat.waits.own) for beat in seen], began)
        later = [two.waits.own - one.waits.own for one, two in pairwise(seen[1:])]
        return [
            max(0.0, two.at - max(began, one.next_due) - waited)
            for (one, two), waited in zip(pairwise(seen), [first, *later], strict=True)
        ]

    def samples(self, began: float) -> list[Sample]:
        """What was seen of the pass that began then."""
        return [sample for at, sample in list(self._samples) if at == began]


def _stolen(seen: list[_Beat], began: float) -> float:
    """What the CPU that lost most lost since ``began``."""
    cpus = zip(*(beat.waits.stolen for beat in seen), strict=False)
    times = [beat.waits.at for beat in seen]
    return max((_since(list(zip(times, cpu, strict=True)), began) for cpu in cpus), default=0.0)
