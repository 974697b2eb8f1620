"""The side process's view of the service: what it reads in the shared memory and in /proc, and what it concludes.

A look at the beats is cheap, so the state is decided anew for each question. The service is asked about more only while it is
silent: its process states and CPU times at every look, and the line of its loop's thread once in a while.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from time import perf_counter

from ..diagnose.growth import mean_between, named
from ..diagnose.onset import NONE
from ..diagnose.rows import first_full
from ..loop.code_line import CodeLine
from ..measure.process import cpu_seconds, process_state, thread_cpu_seconds, thread_state
from ..records.codec import decode
from ..records.examination import Sighting
from ..records.live import LiveFigures, LiveState, LiveVerdict, LiveView, Stuck
from ..records.timeline import QueueTrack, Timeline
from .holding_up import cause_of, refuses
from .judging import SILENT, Seen, System, judge
from .memory import Memory
from .place import Asking
from .verdict import verdict
from .writing import BEAT, PERIOD

_KEPT = 120.0  # seconds of looks
_WINDOW = 10.0  # seconds that a verdict is about
_ASK_EVERY = 2.0  # seconds between two questions for the line
_RARELY = 1.0  # seconds: beats of an idle loop come every half second
_SAME_PASS = 0.05  # seconds: within this, two beginnings are those of one pass
_LATE = 1.5  # times the period: figures that come later than that are overdue


@dataclass(frozen=True, slots=True)
class _Used:
    """CPU seconds so far, of the loop's thread and of the whole process."""

    at: float
    loop: float
    whole: float


class Reading:
    """One service, by its memory and its process."""

    def __init__(
        self, memory: Memory, *, pid: int, thread: int, asking: Asking, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._memory, self._pid, self._thread, self._asking, self._clock = memory, pid, thread, asking, clock
        self._looks: deque[Sighting] = deque(maxlen=int(_KEPT / PERIOD))
        self.figures: LiveFigures | None = None
        """The newest ones. Of those before, only what a verdict and the history read is kept, in ``_looks``."""
        self._number = 0
        self._first: _Used | None = None  # when it was found silent
        self._place: CodeLine | None = None
        self._asked_at = -math.inf
        self._passing_since = clock()
        self.held: str | None = None
        """What holds requests up while the loop passes."""
        self.verdict: LiveVerdict | None = None

    def read_figures(self) -> bool:
        """Read what the service has written since the last call; whether it has written anything."""
        written = self._memory.figures.read()
        if written is None or written.number == self._number:
            return False
        self._number = written.number
        self.figures = decode(LiveFigures, written.data)
        self._looks.append(Sighting(at=written.at, health=self.figures.health))
        looks = list(self._looks)
        first = first_full(looks)
        self.held = None if first == NONE else first
        recent = [look for look in looks if look.at >= written.at - _WINDOW]
        self.verdict = verdict(recent, self.held)
        return True

    def state(self) -> LiveState:
        """What goes on now."""
        now, seen = self._clock(), self.seen()
        found = judge(seen)
        if found.state != "passing":
            self._passing_since = now
            return found
        lasted = max(0.0, now - self._passing_since)
        if self.held is None:
            return replace(found, for_=lasted)
        return replace(found, for_=lasted, cause=cause_of(self.held), held_up_by=self.held)

    def seen(self) -> Seen:
        """What can be seen now. While the service is silent this looks at its process."""
        now, beat, figures = self._clock(), self._memory.beat.read(), self._memory.figures.read()
        began, due = (math.nan, -math.inf) if beat is None else BEAT.unpack(beat.data)
        written, beaten = (-math.inf if one is None else one.at for one in (figures, beat))
        watched = beaten >= written - _RARELY  # else the watchdog's thread has ended, and its last beat means nothing
        overdue = now - (due if watched else written + _LATE * PERIOD)
        if (silence := overdue >= SILENT / 2) is False:
            self._first = self._place = None
        return Seen(
            blocked_after=self.figures.blocked_after if self.figures else math.inf,
            silent=now - max(written, beaten),
            overdue=overdue,
            pass_age=now - began if watched and not math.isnan(began) else None,
            stuck=self._stuck(began) if watched and not math.isnan(began) else None,
            system=self._look_at_process(now) if silence else None,
        )

    def _stuck(self, began: float) -> Stuck | None:
        """What the watchdog saw of the pass that began then."""
        written = self._memory.stuck.read()
        if written is None:
            return None
        stuck = decode(Stuck, written.data)
        return stuck if abs(written.at - stuck.lasted - began) < _SAME_PASS else None

    def _look_at_process(self, now: float) -> System:
        loop, whole = thread_cpu_seconds(self._pid, self._thread) or 0.0, cpu_seconds(self._pid) or 0.0
        first = self._first = self._first or _Used(now, loop, whole)
        return System(
            state=process_state(self._pid),
            loop_state=thread_state(self._pid, self._thread),
            seconds=now - first.at,
            loop_cpu=loop - first.loop,
            other_cpu=max(0.0, whole - first.whole - (loop - first.loop)),
            place=self._place,
        )

    @property
    def wants_place(self) -> bool:
        """Whether the loop's thread should be asked where it is: the service is silent, and was not asked just now."""
        if self._clock() - self._asked_at < _ASK_EVERY:
            return False
        seen = self.seen()
        return seen.is_silent and seen.system is not None and not seen.system.is_stopped

    def ask_place(self) -> None:
        """Ask it. Takes up to a third of a second; may be called in a thread."""
        self._asked_at = self._clock()
        self._place = self._asking.place() or self._place

    def refusing(self) -> str | None:
        """A queue that would refuse a caller now."""
        return refuses(list(self._looks)[-1:])

    def view(self) -> LiveView:
        """All there is to show."""
        age = self._clock() - self._looks[-1].at if self._looks else 0.0
        return LiveView(state=self.state(), age=age, figures=self.figures, verdict=self.verdict)

    def history(self) -> Timeline:
        """The looks that are kept."""
        looks = list(self._looks)
        names = [queue.name for queue in looks[-1].health.queues] if looks else []
        return Timeline(
            seconds=tuple(look.at - looks[0].at for look in looks),
            queues=tuple(_track(looks, name) for name in names),
            passes=tuple(look.health.loop.max for look in looks),
            phases=(),
        )


def _track(looks: Sequence[Sighting], name: str) -> QueueTrack:
    seen = [named(look, name) for look in looks]
    last = seen[-1]
    waits = [None if one is None else one.wait for one in seen]
    return QueueTrack(
        name=name,
        capacity=None if last is None else last.capacity,
        max_waiting=None if last is None else last.max_waiting,
        waiting=tuple(None if one is None else one.waiting for one in seen),
        in_service=tuple(None if one is None else one.in_service for one in seen),
        wait=(None, *(mean_between(before, now) for before, now in pairwise(waits))),
    )
