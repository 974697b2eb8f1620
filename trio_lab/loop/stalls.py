"""A pass that took too long, and why: pure, from what was measured while it lasted.

Several things make a loop late, and each wants another cure, so they are told apart by who used the CPU meanwhile and by
whether the watchdog, a thread that wants the GIL every few milliseconds, could get it:

===============  ===========================  ==============  =======================================================
cause            the loop's thread            the watchdog    what it is
===============  ===========================  ==============  =======================================================
python           ran                          on time         code that computes (or a C call that lets others run)
c call           ran                          shut out        a C call that holds the GIL: `re`, `json`, `sorted`
blocking call    waited for no CPU            on time         a call that waits and lets others run: a file, `sleep`
gil              waited, other threads ran    late            another thread holds the GIL
gc               (counted by itself)          shut out        a collection of cyclic garbage
not running      had no CPU, or was stopped   shut out        the process was stopped, or had to wait for a CPU
===============  ===========================  ==============  =======================================================

With steps measured two more are known: **many small steps** (no step is long, the pass is) and **entry queue** (what
`run_sync_soon` was given, all of which runs in one step). **busy wait** is no long pass but very many short ones: one
task that goes round and round. A poll that ends long after it was due makes everybody late as a long pass does; it is
told as **gil**, **gc** or **not running**, with no line, for nobody ran.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from .places import Place

PYTHON, C_CALL, BLOCKING_CALL, GIL, GC, NOT_RUNNING = "python", "c call", "blocking call", "gil", "gc", "not running"
SMALL_STEPS, ENTRY_QUEUE, BUSY_WAIT = "many small steps", "entry queue", "busy wait"

_MOSTLY = 0.5
_HARDLY = 0.3
_GIL_LATE = 0.0025  # seconds: half of the time after which a thread that has the GIL is asked to let go of it
_MANY = 20  # steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """A pass over its budget. Seconds. ``filename`` is empty when nobody could look while it lasted.

    ``began`` is when, by `time.perf_counter`; of a busy wait, which is many passes, when it was noticed.
    ``samples`` is how often the watchdog saw this very line, ``share`` the part of the time that its looks stand for in
    which it did. ``path`` are the tasks from the main task down to the one that ran; ``label`` is what that task was
    working on, if it said so.
    ``top`` are names of tasks with their seconds in the pass, known when steps are measured.
    """

    duration: float
    cause: str
    filename: str
    lineno: int
    function: str
    task_name: str
    samples: int
    began: float = 0.0
    share: float = 0.0
    path: tuple[str, ...] = ()
    label: str | None = None
    top: tuple[tuple[str, float], ...] = ()

    def __str__(self) -> str:
        where = f"{self.filename}:{self.lineno} in {self.function}" if self.filename else "nobody saw where"
        who = f", task {self.task_name}" if self.task_name else ""
        what = f", {self.label}" if self.label else ""
        return f"{self.duration * 1e3:.0f} ms ({self.cause}): {where}{who}{what}"


@dataclass(frozen=True, slots=True)
class Sample:
    """What the watchdog saw once. The look stands for so many seconds: those since the one before."""

    place: Place
    task_name: str
    path: tuple[str, ...]
    label: str | None
    stands_for: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was measured of one pass, in seconds: CPU time of the loop's thread, what it had to wait for a CPU though it
    could have run, CPU time of the process, collections of garbage; ``shut_out`` is the longest time for which the
    watchdog wanted to run and had no GIL, ``late`` how long that was on average, ``starved`` what it waited for a CPU itself:
    when it is kept from a CPU with the GIL in its hands, the loop waits for it."""

    duration: float
    budget: float
    loop_cpu: float
    loop_delayed: float
    process_cpu: float
    gc: float
    shut_out: float
    late: float
    starved: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The steps of one pass: how many, the longest, those of the entry queue, and seconds by name of task."""

    count: int
    longest: float
    entry_queue: float
    top: tuple[tuple[str, float], ...]


def cause_of(found: Evidence, steps: Steps | None = None) -> str:
    """Why the pass was long. What it waited for a CPU is put aside, unless it is the reason."""
    duration, own = found.duration, max(0.0, found.duration - found.loop_delayed)
    if found.gc >= _MOSTLY * duration:
        return GC
    if _only_delayed(found):
        return NOT_RUNNING
    if found.loop_cpu < _MOSTLY * own:
        if found.process_cpu < _HARDLY * own and found.shut_out + found.starved >= _MOSTLY * own:
            return NOT_RUNNING
        others = found.process_cpu - found.loop_cpu
        return GIL if others >= _HARDLY * own and found.late >= _GIL_LATE else BLOCKING_CALL
    if steps is not None and steps.entry_queue >= _MOSTLY * duration:
        return ENTRY_QUEUE
    if steps is not None and steps.count >= _MANY and steps.longest < _MOSTLY * duration:
        return SMALL_STEPS
    return C_CALL if found.shut_out >= _MOSTLY * own else PYTHON


def cause_of_oversleep(found: Evidence) -> str:
    """Why a poll lasted longer than it was to: nobody in the loop was at fault, for nobody ran."""
    if found.gc >= _MOSTLY * found.duration:
        return GC
    return GIL if found.process_cpu - found.loop_cpu >= _HARDLY * found.duration else NOT_RUNNING


def _only_delayed(found: Evidence) -> bool:
    """It ran or wanted to, and with a CPU of its own it would have kept its budget."""
    return (
        found.loop_delayed >= _HARDLY * found.duration
        and found.loop_cpu + found.loop_delayed >= _MOSTLY * found.duration
        and found.duration - found.loop_delayed < found.budget
    )


def stall(
    found: Evidence,
    samples: Sequence[Sample],
    steps: Steps | None = None,
    *,
    began: float = 0.0,
    cause: str | None = None,
) -> Stall:
    """The record of one pass. The line is the one that was seen for the longest; in the task that took most of the pass, if
    one did."""
    cause = cause or cause_of(found, steps)
    top = () if steps is None else steps.top
    if not samples:
        return Stall(
            duration=found.duration,
            cause=cause,
            filename="",
            lineno=0,
            function="",
            task_name="",
            samples=0,
            began=began,
            top=top,
        )
    seconds: defaultdict[Place, float] = defaultdict(float)
    looked_at = sum(sample.stands_for for sample in samples) or 1.0
    if top and top[0][1] >= _MOSTLY * found.duration:  # a look that came late saw whoever ran then
        samples = [sample for sample in samples if sample.task_name == top[0][0]] or samples
    for sample in samples:
        seconds[sample.place] += sample.stands_for
    most = max(seconds, key=seconds.__getitem__)
    seen = [sample for sample in samples if sample.place == most]
    last = seen[-1]
    return Stall(
        duration=found.duration,
        cause=cause,
        filename=last.place.filename,
        lineno=last.place.lineno,
        function=last.place.function,
        task_name=last.task_name,
        samples=len(seen),
        began=began,
        share=seconds[most] / looked_at,
        path=last.path,
        label=last.label,
        top=top,
    )


@dataclass(slots=True)
class Row:
    """All stalls of one line and one cause. Seconds."""

    filename: str
    lineno: int
    function: str
    cause: str
    count: int = 0
    total: float = 0.0
    longest: float = 0.0
    samples: int = 0


class StallTable:
    """Stalls of any number in bounded memory: the last ones one by one, and all of them by line and cause.

    Lines beyond the ``most`` are counted together, under no line.
    """

    def __init__(self, *, kept: int = 1000, most: int = 200) -> None:
        self.last: deque[Stall] = deque(maxlen=kept)
        self.count = 0
        self._most = most
        self._rows: dict[tuple[str, int, str, str], Row] = {}

    def add(self, found: Stall) -> None:
        self.last.append(found)
        self.count += 1
        key = (found.filename, found.lineno, found.function, found.cause)
        if key not in self._rows and len(self._rows) >= self._most:
            key = ("", 0, "others", found.cause)
        row = self._rows.setdefault(key, Row(*key))
        row.count += 1
        row.total += found.duration
        row.longest = max(row.longest, found.duration)
        row.samples += found.samples

    def rows(self) -> list[Row]:
        """The costliest first."""
        return sorted(self._rows.values(), key=lambda row: row.total, reverse=True)
