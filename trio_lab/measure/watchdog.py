"""A thread that looks at the loop while a pass lasts: the only one who can, for the loop itself stands still.

Each wake is a beat: when it came, and what CPU the loop's thread and the process had used by then. When the present pass has
lasted for a quarter of its budget, it also notes where the loop's thread is, and wakes again after another quarter. Else it
rests for three quarters: a pass that is over its budget is looked at before it is, whenever it began. A wake is what a watch
costs most (a tenth of a millisecond on a virtual machine, next to which what is done in it is little), so it wakes no more
often than that. Nothing but places and names is kept, never a frame: a frame would keep locals alive.

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
from .waiting import Delays, Steal, most_stolen

_log = logging.getLogger(__name__)

_LONG, _REST = 0.25, 0.75  # of the budget: a pass that is worth a look, and a rest; together they are no more than 1
_LONGEST_PERIOD = 0.1  # seconds: also a watchdog with a long budget must notice soon that it is blind
_KEPT_BEATS = 256
_OLD = 0.1  # seconds: what nobody needs to know yet is read no more often, for it is most of what a wake costs
_SOON = 0.005  # seconds: after which a thread that has the GIL is asked to let go of it
_KEPT_SAMPLES = 256  # of one pass: of a long one the last


@dataclass(frozen=True, slots=True)
class _Waits:
    """For a CPU: the loop's thread, this one, and each CPU for the hypervisor."""

    loop: float
    own: float
    stolen: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Beat:
    """``waits`` may be a little older, unless the pass was long."""

    at: float
    next_due: float
    loop_cpu: float
    process_cpu: float
    waits: _Waits


def _spent(readings: list[tuple[float, float]], began: float) -> float:
    """CPU seconds since ``began``, of readings (time, seconds so far) of which the first is older. Between that one and the
    next it is taken to have gone on as it did afterwards, as far as the two allow."""
    (before, first_spent), (after, spent), *_ = readings
    end, last_spent = readings[-1]
    counted = spent - first_spent
    if end <= after:
        return counted
    likely = (last_spent - spent) / (end - after) * (after - began)
    return last_spent - spent + min(counted, max(counted - (began - before), likely))


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
        self._waits, self._waits_read = self._read_waits(), time.perf_counter()
        self._long = _LONG * budget
        self._period = min(self._long, _LONGEST_PERIOD)
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
        self._beats.append(self._beat(now, now + self._period))
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
                is_long = self._look()
                if is_long or self._woke - self._waits_read >= _OLD:
                    self._waits, self._waits_read = self._read_waits(), self._woke
                    # To read is to let go of the GIL, and a whole C call may pass before it is there again.
                    if not is_long or time.perf_counter() - self._woke >= _SOON:
                        is_long = self._look() or is_long
                wait = self._period if is_long else self._rest
                now = time.perf_counter()
                self._beats.append(self._beat(now, now + wait))
        except Exception as fault:  # whatever it is: a thread that dies must be seen to have died
            self.fault = f"{type(fault).__name__}: {fault}"
            _log.exception("the watchdog of the loop died")
        finally:
            if self._own_delays is not None:
                self._own_delays.close()

    def _read_waits(self) -> _Waits:
        own = 0.0 if self._own_delays is None else self._own_delays.read()
        return _Waits(self._loop_delays.read(), own, self._steal.read())

    def _beat(self, at: float, next_due: float) -> _Beat:
        return _Beat(at, next_due, time.clock_gettime(self._loop_clock), time.process_time(), self._waits)

    def _look(self) -> bool:
        """Whether the present pass is long already; its place is noted then."""
        now, before, began = time.perf_counter(), self._woke, self._loop.pass_began()
        self._woke = now
        if began is None or now - began < self._long:
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
                stands_for=now - max(began, before),
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
        self._waits, self._waits_read = self._read_waits(), ended
        last = self._beat(ended, ended)
        seen = [before, *within, last]
        wanted = [self._held_up(a, b, began) for a, b in pairwise(seen)]
        loop_cpu = _spent([(beat.at, beat.loop_cpu) for beat in seen], began)
        # Which CPU the loop was on is not known. Its own account says how much it can have lost at most.
        lost = last.waits.loop - before.waits.loop + most_stolen(before.waits.stolen, last.waits.stolen)
        return Evidence(
            duration=ended - began,
            budget=self._budget,
            loop_cpu=loop_cpu,
            loop_delayed=min(lost, max(0.0, ended - began - loop_cpu)),
            process_cpu=_spent([(beat.at, beat.process_cpu) for beat in seen], began),
            gc=collected,
            shut_out=max(wanted),
            late=sum(wanted) / len(wanted),
            starved=last.waits.own - before.waits.own,
        )

    def _held_up(self, one: _Beat, next_one: _Beat, began: float) -> float:
        """For how long this thread wanted to run between two beats, since a pass began, and could not for want of the GIL."""
        waited = next_one.at - max(began, one.next_due)
        return max(0.0, waited - (next_one.waits.own - one.waits.own))

    def samples(self, began: float) -> list[Sample]:
        """What was seen of the pass that began then."""
        return [sample for at, sample in self._samples if at == began]
