"""A thread that looks at the loop while a pass lasts: the only one who can, for the loop itself stands still.

It wakes twice per budget, so at least once in every pass that is over it. Each wake is a beat: when it came, and what CPU
the loop's thread and the process had used by then. When the present pass has lasted for half of its budget, it also notes
where the loop's thread is, and wakes twice as often until the pass ends. Nothing but places and names is kept, never a
frame: a frame would keep locals alive.

A C call that holds the GIL holds up this thread as well. It gets the GIL when the call returns, before the next line
runs (the interpreter looks for others that want it after every call), so the line it sees is still the right one. Such a
look stands for all the time since the one before it: looks are weighed by their time, not counted.

On a machine that others use too, this thread waits for a CPU as the loop does. Linux says for how long, and that much of
its lateness is nobody's fault in this process.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from types import FrameType

import trio

from .loop_time import LoopTime
from .places import blamed, nursery_path, running_task, step_frames
from .stalls import Evidence, Sample

_log = logging.getLogger(__name__)

_BEATS_PER_BUDGET = 4  # while a pass is long
_LONGEST_PERIOD = 0.1  # seconds: also a watchdog with a long budget must notice soon that it is blind
_KEPT_BEATS = 256
_KEPT_SAMPLES = 256  # of one pass: of a long one the last


@dataclass(frozen=True, slots=True)
class _Beat:
    at: float
    next_due: float
    loop_cpu: float
    loop_delayed: float
    process_cpu: float
    own_delayed: float


class _Schedule:
    """What Linux says of the thread that made it: seconds on a CPU, and seconds in which it could have run and had none.

    Without that file (it belongs to a kernel option) the second is 0 and the first the thread's CPU clock.
    """

    def __init__(self) -> None:
        native_id = threading.get_native_id()
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        self._file: int | None = None
        with suppress(OSError):
            self._file = os.open(f"/proc/self/task/{native_id}/schedstat", os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> tuple[float, float]:
        if self._file is not None:
            with suppress(OSError, ValueError):
                ran, delayed, _ = os.pread(self._file, 80, 0).split()
                return int(ran) / 1e9, int(delayed) / 1e9
        return time.clock_gettime(self._clock), 0.0

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


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
        self._schedule = _Schedule()
        self._own: _Schedule | None = None
        self._period = min(budget / _BEATS_PER_BUDGET, _LONGEST_PERIOD)
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
        self._beats.append(self._beat(now, now + self._period))
        self._woke = self._beats[0].at
        self._thread.start()

    def stop(self) -> None:
        """Returns when the thread has ended: it wakes at once."""
        self._end.release()
        self._thread.join()
        self._schedule.close()

    def _run(self) -> None:
        try:
            self._own = _Schedule()
            wait = self._period
            while not self._end.acquire(timeout=wait):
                now = time.perf_counter()
                wait = self._period if self._look(now) else 2 * self._period
                self._beats.append(self._beat(now, now + wait))
                self._woke = now
        except Exception as fault:  # whatever it is: a thread that dies must be seen to have died
            self.fault = f"{type(fault).__name__}: {fault}"
            _log.exception("the watchdog of the loop died")
        finally:
            if self._own is not None:
                self._own.close()

    def _beat(self, now: float, next_due: float) -> _Beat:
        own = 0.0 if self._own is None else self._own.read()[1]
        return _Beat(now, next_due, *self._schedule.read(), time.process_time(), own)

    def _look(self, now: float) -> bool:
        """Whether the present pass is long already; its place is noted then."""
        began = self._loop.pass_began()
        if began is None or now - began < self._budget / 2:
            return False
        frames = step_frames(sys._current_frames().get(self._loop_thread))
        try:
            if not frames:
                return True
            task = self._task(frames)
            sample = Sample(
                place=blamed(frames),
                task_name="" if task is None else task.name,
                path=nursery_path(task),
                label=None if task is None else self._label(task),
                stands_for=now - max(began, self._woke),
            )
        finally:
            del frames
        self._samples.append((began, sample))
        return True

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
        within = [beat for beat in beats if began < beat.at <= ended]
        last = self._beat(ended, ended)
        wanted = [self._held_up(a, b, began) for a, b in pairwise([before, *within, last])]
        return Evidence(
            duration=ended - began,
            budget=self._budget,
            loop_cpu=last.loop_cpu - before.loop_cpu,
            loop_delayed=last.loop_delayed - before.loop_delayed,
            process_cpu=last.process_cpu - before.process_cpu,
            gc=collected,
            shut_out=max(wanted),
            late=sum(wanted) / len(wanted),
            starved=last.own_delayed - before.own_delayed,
        )

    def _held_up(self, one: _Beat, next_one: _Beat, began: float) -> float:
        """For how long this thread wanted to run between two beats, since a pass began, and could not for want of the GIL."""
        waited = next_one.at - max(began, one.next_due)
        return max(0.0, waited - (next_one.own_delayed - one.own_delayed))

    def samples(self, began: float) -> list[Sample]:
        """What was seen of the pass that began then."""
        return [sample for at, sample in self._samples if at == began]
