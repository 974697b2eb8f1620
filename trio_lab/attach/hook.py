"""How the beginning of an event loop is noticed. Called by `sitecustomize` when Trio or asyncio was imported.

**Trio.** A run takes instruments from the code that starts it; Trio offers no way to add one to every run. `trio.run` and
`trio.lowlevel.start_guest_run` both prepare a run with the function `setup_runner` of `trio._core._run`. It is replaced by a
function that calls it, and then adds an instrument to the new run. The two public functions are not wrapped, because then every
traceback of a program that dies of an error would show a frame of ours. (Only the error of a run that cannot be set up does,
such as a run within a run.) The default value of their parameter ``instruments`` is not changed, because some programs pass
their own, and pytest-trio always does.

**asyncio.** Every loop, when it begins to run, says so to `asyncio.events._set_running_loop`, which is looked up there each
time. asyncio offers it to other loops for this purpose.

No class is changed, and nothing of this is done in a process that the doctor has not started.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any
from weakref import WeakSet

from .doctor import Doctor
from .notes import FAILED, IMPORTED, folder_of, note

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
    except Exception as fault:
        note(folder_of(where), FAILED, f"no hook could be put into {library}: {type(fault).__name__}: {fault}")


def _wrap_trio(doctor: Doctor) -> None:
    import trio

    version = tuple(int(part) for part in trio.__version__.split(".")[:2])
    if version < _OLDEST_TRIO:
        needed = ".".join(map(str, _OLDEST_TRIO))
        doctor.note(FAILED, f"Trio {trio.__version__} is too old for the watch, which needs {needed}")
        return
    doctor.note(IMPORTED, f"Trio {trio.__version__} was imported")
    module: Any = sys.modules["trio._core._run"]
    setup_runner = module.setup_runner

    @trio.lowlevel.enable_ki_protection  # a Ctrl-C meanwhile is for the run, which has not begun yet
    def report() -> None:
        from .in_trio import report_run  # imported before the loop turns, and not while it does

        report_run(doctor)

    @wraps(setup_runner)
    def set_up_and_report(*args: Any, **keywords: Any) -> Any:
        runner = setup_runner(*args, **keywords)
        _begun(doctor, report)
        return runner

    module.setup_runner = set_up_and_report


def _wrap_asyncio(doctor: Doctor) -> None:
    from asyncio import events

    doctor.note(IMPORTED, "asyncio was imported")
    module: Any = events
    set_running_loop = module._set_running_loop
    known: WeakSet[Any] = WeakSet()

    def report() -> None:
        from .in_asyncio import report_loop

        report_loop(doctor)

    @wraps(set_running_loop)
    def set_and_report(loop: Any) -> None:
        set_running_loop(loop)
        if loop is not None and loop not in known:
            known.add(loop)
            _begun(doctor, report)

    module._set_running_loop = set_and_report


def _begun(doctor: Doctor, report: Callable[[], None]) -> None:
    """A loop has begun in this thread."""
    if not doctor.forked:
        try:
            report()
        except Exception as fault:
            doctor.note_failure(fault)
