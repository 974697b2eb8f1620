"""Why a pass took too long: pure, decided from what was measured while it lasted.

Several things make a loop late, and each needs a different cure. They are distinguished by which thread used the CPU during
the pass, and by whether the watchdog, a thread that wants the GIL every few milliseconds, got it:

===============  ===========================  ==============  =======================================================
cause            the loop's thread            the watchdog    what it is
===============  ===========================  ==============  =======================================================
python           ran                          on time         code that computes, or a C call that releases the GIL
c call           ran                          shut out        a C call that holds the GIL: `re`, `json`, `sorted`
blocking call    waited, but not for a CPU    on time         a call that waits without the GIL: a file, `sleep`
gil              waited, 5 ms at a time,      late            another thread holds the GIL
                 other threads ran
gc               (measured separately)        shut out        a collection of cyclic garbage
not running      had no CPU, or was stopped   shut out        the process was stopped, or waited for a CPU
===============  ===========================  ==============  =======================================================

Two more causes are known when steps are measured: **many small steps** (the pass is long and none of its steps is) and
**entry queue** (a flood of callbacks of `run_sync_soon`, all of which run in one step). A **busy wait** is not one long
pass but very many short ones, of a task that never waits. A poll that waits and ends long after it was due delays every task
as a long pass does. It is reported as **gil**, **gc** or **not running**, without a line, because no code of the loop ran.
What a line does that imports a module is an **import**, whether it reads, waits or computes.

Not here: who measures (`watchdog`, `steps`), and which frame is to blame (`code_line`).
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .awaits import Changes
from .code_line import CodeLine
from .working_on import text_of

PYTHON, C_CALL, BLOCKING_CALL, GIL, GC, NOT_RUNNING = "python", "c call", "blocking call", "gil", "gc", "not running"
SMALL_STEPS, ENTRY_QUEUE, BUSY_WAIT, IMPORT = "many small steps", "entry queue", "busy wait", "import"

# Shares of a pass. A cause must account for half of it; a share under 0.3 counts as none.
_MOSTLY = 0.5
_HARDLY = 0.3
_RAN = 0.1  # of the time that the loop slept: with less CPU time of others the process was stopped
# Seconds. A thread that waits for the GIL wakes after each switch interval, 5 ms, to ask the holder to release it. So it
# sleeps no longer at a time, as was measured: 2.5 to 4.8 ms, and 150 in a call that waits as long.
_GIL_NAP = 0.0075
_GIL_LATE = 0.001  # the watchdog's average wait for a GIL that nobody computes with is 0.2 ms,
_GIL_LATE_ALONE = 0.0025  # half of the switch interval, where nothing is known of how the loop slept
_BY_A_LINE = (PYTHON, C_CALL, BLOCKING_CALL)
_MANY = 20  # steps, or callbacks of the entry queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """A pass that took longer than its budget. Times in seconds.

    ``began`` is when the pass began, by `time.perf_counter`; for a busy wait, which is many passes, when it was noticed.
    ``filename`` is empty when the watchdog could not look during the pass. ``samples`` is how often the watchdog saw this
    line, ``share`` the share of the sampled time that it was seen for. ``path`` names the tasks from the main task down to
    the one that ran; ``label`` is what that task had set `WORKING_ON` to. ``top`` has the names of the tasks that took the
    most time in the pass with their seconds, when steps were measured.
    """

    duration: float
    cause: str
    filename: str = ""
    lineno: int = 0
    function: str = ""
    task_name: str = ""
    samples: int = 0
    began: float = 0.0
    share: float = 0.0
    path: tuple[str, ...] = ()
    label: str | None = None
    top: tuple[tuple[str, float], ...] = ()
    lost: float = 0.0
    cpu: float = 0.0

    def __str__(self) -> str:
        where = f"{self.filename}:{self.lineno} in {self.function}" if self.filename else "nobody saw where"
        who = f", task {self.task_name}" if self.task_name else ""
        what = f", {self.label}" if self.label else ""
        return f"{self.duration * 1e3:.0f} ms ({self.cause}): {where}{who}{what}"


@dataclass(frozen=True, slots=True)
class LineSample:
    """One look of the watchdog at the loop's thread. It stands for the time since the look before, in seconds.

    ``step`` and ``coroutines`` are numbers to compare: which task ran, and in which coroutines it was.
    """

    line: CodeLine
    task_name: str
    path: tuple[str, ...]
    label: object
    stands_for: float = 1.0
    importing: bool = False
    step: int = 0
    coroutines: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PassMeasurements:
    """What was measured during one pass, in seconds.

    ``loop_cpu`` is CPU time of the loop's thread, ``loop_delayed`` the time in which that thread could run and had no CPU,
    ``process_cpu`` CPU time of all threads, ``gc`` the time of garbage collections. ``shut_out`` is the longest time that
    the watchdog wanted to run and could not get the GIL, ``late`` the average of those times. ``starved`` is how long the
    watchdog waited for a CPU: if it held the GIL then, the loop had to wait for it. ``nap`` is how long the loop's thread slept
    at a time, 0.0 if that is not known.
    """

    duration: float
    budget: float
    loop_cpu: float
    loop_delayed: float
    process_cpu: float
    gc: float
    shut_out: float
    late: float
    starved: float = 0.0
    nap: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The steps of one pass: their number, the longest, the time of the entry queue and how many callbacks it ran, and
    seconds by name of task."""

    count: int
    longest: float
    entry_queue: float
    callbacks: int
    top: tuple[tuple[str, float], ...]


def cause_of(found: PassMeasurements, steps: Steps | None = None) -> str:
    """Why the pass was long. Time in which the loop had no CPU is left out, unless that is the cause."""
    duration, own = found.duration, max(0.0, found.duration - found.loop_delayed)
    if found.gc >= _MOSTLY * duration:
        return GC
    if _only_delayed(found):
        return NOT_RUNNING
    if found.loop_cpu < _MOSTLY * own:
        if _others_held_gil(found, own):
            return GIL
        if found.process_cpu < _HARDLY * own and found.shut_out + found.starved >= _MOSTLY * own:
            return NOT_RUNNING
        return BLOCKING_CALL
    if steps is not None and steps.entry_queue >= _MOSTLY * duration and steps.callbacks >= _MANY:
        return ENTRY_QUEUE
    if steps is not None and steps.count >= _MANY and steps.longest < _MOSTLY * duration:
        return SMALL_STEPS
    return C_CALL if found.shut_out >= _MOSTLY * own else PYTHON


def cause_of_oversleep(found: PassMeasurements) -> str:
    """Why a poll lasted longer than its timeout. No task is at fault, because none ran.

    A loop whose poll is over needs a CPU and then the GIL, nothing else. While it waits for a CPU the kernel counts that;
    what is not counted it slept, and it slept for the GIL unless the whole process was stopped. So it does not matter how
    little CPU time the holder of the GIL got on a crowded machine, nor how much threads without the GIL got meanwhile.
    """
    if found.gc >= _MOSTLY * found.duration:
        return GC
    if found.loop_delayed >= _MOSTLY * found.duration:
        return NOT_RUNNING
    slept = found.duration - found.loop_delayed - found.loop_cpu
    return GIL if found.process_cpu - found.loop_cpu > _RAN * slept else NOT_RUNNING


def _others_held_gil(found: PassMeasurements, own: float) -> bool:
    """True if the loop slept as one does that waits for the GIL, while the watchdog had to wait for it too and others computed.

    ``own`` is the length of the pass without the time for which the loop had no CPU. On a crowded machine the holder of the GIL
    waits for a CPU about as long as the watchdog does.
    """
    others, had_cpu = found.process_cpu - found.loop_cpu, own - found.starved
    late = _GIL_LATE if found.nap else _GIL_LATE_ALONE
    return found.late >= late and found.nap <= _GIL_NAP and others >= max(_HARDLY * had_cpu, _RAN * own)


def _only_delayed(found: PassMeasurements) -> bool:
    """True if the loop ran or wanted to, and would have kept its budget with a CPU to itself."""
    return (
        found.loop_delayed >= _HARDLY * found.duration
        and found.loop_cpu + found.loop_delayed >= _MOSTLY * found.duration
        and found.duration - found.loop_delayed < found.budget
    )


def stall_of(
    found: PassMeasurements,
    samples: Sequence[LineSample],
    steps: Steps | None = None,
    *,
    began: float = 0.0,
    cause: str | None = None,
) -> Stall:
    """The record of one pass. Its line is the one that was seen for the longest time. If one task took most of the pass,
    only samples of that task count."""
    cause = cause or cause_of(found, steps)
    top = () if steps is None else steps.top
    lost, cpu = min(found.duration, found.loop_delayed + found.gc), max(0.0, found.loop_cpu - found.gc)
    if not samples:
        return Stall(duration=found.duration, cause=cause, began=began, top=top, lost=lost, cpu=cpu)
    seconds: defaultdict[CodeLine, float] = defaultdict(float)
    looked_at = sum(sample.stands_for for sample in samples) or 1.0
    if top and top[0][1] >= _MOSTLY * found.duration:  # a late sample shows the task that ran next
        samples = [sample for sample in samples if sample.task_name == top[0][0]] or samples
    for sample in samples:
        seconds[sample.line] += sample.stands_for
    most = max(seconds, key=seconds.__getitem__)
    seen = [sample for sample in samples if sample.line == most]
    last = seen[-1]
    if last.importing and cause in _BY_A_LINE:
        cause = IMPORT
    return Stall(
        duration=found.duration,
        cause=cause,
        filename=last.line.filename,
        lineno=last.line.lineno,
        function=last.line.function,
        task_name=last.task_name,
        samples=len(seen),
        began=began,
        share=seconds[most] / looked_at,
        path=last.path,
        label=text_of(last.label),
        top=top,
        lost=lost,
        cpu=cpu,
    )


_MOST_COROUTINES = 32  # of a line, that are told apart; looks at further ones are not counted


@dataclass(slots=True)
class StallGroup:
    """All stalls of one line and one cause. Times in seconds."""

    filename: str
    lineno: int
    function: str
    cause: str
    count: int = 0
    total: float = 0.0
    longest: float = 0.0
    samples: int = 0
    seen: float = 0.0
    """Seconds for which the watchdog saw this line."""
    label: str | None = None
    """That of the longest stall."""
    changes: Changes = field(default_factory=Changes)
    coroutines: dict[int, float] = field(default_factory=dict)
    """Seconds for which the looks at these stalls stand, by a number for the coroutines in which the step was."""

    @property
    def share(self) -> float:
        """Of the time of these stalls for which the line was seen."""
        return self.seen / self.total if self.total else 0.0

    @property
    def awaits(self) -> float | None:
        """How often a step had gone into an await, or out of one, between two looks; None if none was looked at twice."""
        return self.changes.share


class StallTable:
    """Any number of stalls in bounded memory: the last ``kept`` as they are, and all of them by line and cause.

    When there are ``most`` groups, further lines are counted together, without a line.
    """

    def __init__(self, *, kept: int = 1000, most: int = 200) -> None:
        self.last: deque[Stall] = deque(maxlen=kept)
        self.count = 0
        self._most = most
        self._rows: dict[tuple[str, int, str, str], StallGroup] = {}

    def add(self, found: Stall, samples: Iterable[LineSample] = ()) -> None:
        """One more, and the looks at it."""
        self.last.append(found)
        self.count += 1
        key = (found.filename, found.lineno, found.function, found.cause)
        if key not in self._rows and len(self._rows) >= self._most:
            key = ("", 0, "others", found.cause)
        row = self._rows.setdefault(key, StallGroup(*key))
        row.count += 1
        row.total += found.duration
        if found.duration > row.longest:
            row.longest, row.label = found.duration, found.label
        row.samples += found.samples
        row.seen += found.share * found.duration
        for sample in samples:
            if len(row.coroutines) < _MOST_COROUTINES or sample.coroutines in row.coroutines:
                row.coroutines[sample.coroutines] = row.coroutines.get(sample.coroutines, 0.0) + sample.stands_for
        row.changes.add((sample.step, sample.coroutines) for sample in samples)

    def rows(self) -> list[StallGroup]:
        """The costliest first."""
        return sorted(self._rows.values(), key=lambda row: row.total, reverse=True)
