"""What goes on in a service, decided from what can be seen of it from beside. Pure: ages are arguments.

Each beat of the service says when the next one is due. While beats come, they say since when the current pass lasts, and the
watchdog's thread has written what the loop is stuck in. When no beat comes although one was due, that thread cannot run. Then
the system tells why:

===========  ===================  =================  ================================================
the process  CPU time goes to     the loop's thread  what it is
===========  ===================  =================  ================================================
stopped      no thread            –                  stopped, by SIGSTOP or a debugger
runs         the loop's thread    –                  a C call of the loop that holds the GIL
runs         another thread       –                  another thread holds the GIL
runs         no thread            could run          not running: it gets no CPU
runs         no thread            answers a signal   a C call that holds the GIL and waits
runs         no thread            does not answer    not running: its group of processes is frozen
===========  ===================  =================  ================================================
"""

from __future__ import annotations

from dataclasses import dataclass

from ..loop.code_line import CodeLine
from ..loop.stalls import C_CALL, GIL, NOT_RUNNING
from ..records.live import LiveState, Stuck

LOOP, PROCESS = "loop", "process"
SILENT = 0.4
"""Seconds after which a beat that was due is missed."""
_STOPPED = ("T", "t")
# CPU seconds, not a share: on a crowded machine a thread that computes gets little. The watchdog's thread, which wants
# hardly any, would have had its turn meanwhile.
_MUCH = 0.1
_SOON = 1.5  # seconds for which a thread that computes may have to wait for a CPU


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """What the system tells of a process that is silent. ``loop_cpu`` and ``other_cpu`` are the CPU seconds of the loop's
    thread and of all others in the ``seconds`` for which it has been looked at. ``place`` is the line that the loop's thread
    has answered, None if it was not asked or did not answer."""

    state: str | None
    loop_state: str | None
    seconds: float
    loop_cpu: float
    other_cpu: float
    place: CodeLine | None = None

    @property
    def is_stopped(self) -> bool:
        return self.state in _STOPPED


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A service at one moment; times in seconds.

    ``overdue`` is how long ago the next beat, or page of figures, should have been there; negative if it is not due yet.
    ``pass_age`` is how long the pass of the last beat lasts by now, None if the loop waited for I/O. ``stuck`` is what the
    watchdog saw of that pass. ``silent`` is the age of the last sign of life, ``system`` is None while there are such signs.
    """

    blocked_after: float
    silent: float
    overdue: float
    pass_age: float | None
    stuck: Stuck | None = None
    system: System | None = None

    @property
    def is_silent(self) -> bool:
        return self.overdue >= SILENT


def judge(seen: Seen) -> LiveState:
    """The state of the service. For a loop that passes, ``for_`` is 0: since when it does so is for the caller to know."""
    lasted = seen.silent if seen.pass_age is None else seen.pass_age
    if seen.is_silent and seen.system is not None and seen.system.is_stopped:
        return LiveState(state="stopped", for_=seen.silent, cause=NOT_RUNNING, held_up_by=PROCESS)
    if lasted < seen.blocked_after or (seen.pass_age is None and not seen.is_silent):
        return LiveState(state="passing", for_=0.0)
    if seen.is_silent and seen.system is not None:
        return _without_beats(seen.system, lasted)
    stuck = seen.stuck
    if stuck is None:
        return LiveState(state="blocked", for_=lasted, held_up_by=LOOP)
    return LiveState(
        state="blocked",
        for_=lasted,
        cause=stuck.cause,
        where=_where(stuck.filename, stuck.lineno, stuck.function),
        task=stuck.task,
        label=stuck.label,
        held_up_by=PROCESS if stuck.cause == NOT_RUNNING else LOOP,
    )


def _without_beats(system: System, lasted: float) -> LiveState:
    cause, place = cause_of_silence(system), system.place
    return LiveState(
        state="blocked",
        for_=lasted,
        cause=cause,
        where=str(place) if place is not None and cause in (None, C_CALL) else None,
        held_up_by=PROCESS if cause == NOT_RUNNING else LOOP,
    )


def cause_of_silence(system: System) -> str | None:
    """Why the watchdog's thread cannot run; None if that is not known yet."""
    if max(system.loop_cpu, system.other_cpu) >= _MUCH:
        return C_CALL if system.loop_cpu >= system.other_cpu else GIL
    if system.seconds < _SOON:
        return C_CALL if system.place is not None else None
    if system.loop_state == "R" or system.place is None:
        return NOT_RUNNING
    return C_CALL


def _where(filename: str | None, lineno: int | None, function: str | None) -> str | None:
    return None if filename is None else f"{filename}:{lineno} in {function}"
