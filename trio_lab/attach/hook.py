"""The hook: called by `sitecustomize` when Trio or asyncio was imported, it has each loop that begins report to the doctor.

Nothing of this is done in a process that the doctor has not started.

What is caught here is any `Exception`, on purpose: it would be raised from the program's own ``import trio``, or from its loop,
and end a program that runs without the doctor. It is not hidden: a note tells the doctor, who says what is not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from .beginnings import at_asyncio_loops, at_trio_runs
from .doctor import Doctor
from .notes import FAILED, IMPORTED, folder_of, note

if TYPE_CHECKING:
    from .figures import LoopFigures

_OLDEST_TRIO = (0, 29)
_doctors: dict[str, Doctor] = {}


def imported(library: str, where: str) -> None:
    """Trio or asyncio has been imported, the latter perhaps in part only. Never raises."""
    try:
        doctor = _doctors.get(where) or _doctors.setdefault(where, Doctor(where))
        if library == "trio":
            _wrap_trio(doctor)
        else:
            _wrap_asyncio(doctor)
    except Exception as fault:  # see above
        note(folder_of(where), FAILED, f"no hook could be put into {library}: {type(fault).__name__}: {fault}")


def _wrap_trio(doctor: Doctor) -> None:
    import trio

    version = tuple(int(part) for part in trio.__version__.split(".")[:2])
    if version < _OLDEST_TRIO:
        needed = ".".join(map(str, _OLDEST_TRIO))
        doctor.note(FAILED, f"Trio {trio.__version__} is too old for the watch, which needs {needed}")
        return
    doctor.note(IMPORTED, f"Trio {trio.__version__} was imported")

    def report() -> None:
        from .in_trio import report_run  # imported before the loop turns, and not while it does

        report_run(doctor)

    at_trio_runs(lambda: _begun(doctor, report))


def _wrap_asyncio(doctor: Doctor) -> None:
    doctor.note(IMPORTED, "asyncio was imported")
    known: WeakSet[Any] = WeakSet()
    watched: dict[Any, LoopFigures] = {}  # by loop

    def begins(loop: Any) -> None:
        if loop in watched:
            _guarded(doctor, watched[loop].go_on)
        if loop not in known:
            known.add(loop)
            _begun(doctor, report)

    def report() -> None:
        from .in_asyncio import report_loop

        report_loop(doctor, watched)

    def stops(loop: Any) -> None:
        if loop in watched:
            _guarded(doctor, watched[loop].pause)

    at_asyncio_loops(begins, stops)


def _begun(doctor: Doctor, report: Callable[[], None]) -> None:
    """A loop has begun in this thread."""
    if not doctor.forked:
        _guarded(doctor, report)


def _guarded(doctor: Doctor, act: Callable[[], None]) -> None:
    try:
        act()
    except Exception as fault:  # see above
        doctor.note_failure(fault)
