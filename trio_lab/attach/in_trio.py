"""A Trio run that reports to the doctor: a watch without a log, opened after the first poll and closed when the run ends.

All that runs in the loop is an instrument, or a callback of `TrioToken.run_sync_soon`. So the program finds no task that it has
not started. What an instrument raises Trio keeps to itself.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any

import trio

from ..loop.default_limiter import DefaultLimiter
from ..loop.trio_eyes import TrioEyes
from .doctor import Doctor
from .figures import LoopFigures
from .quiet_watch import QuietWatch
from .reporter import Reporter


class _Begin(trio.abc.Instrument):
    """Waits for the end of the first poll: before it the run has no task, and a monitor must not begin within it."""

    def __init__(self, doctor: Doctor) -> None:
        self._doctor = doctor

    def after_io_wait(self, timeout: float) -> None:
        trio.lowlevel.remove_instrument(self)
        try:
            trio.lowlevel.add_instrument(_Reported(self._doctor))
        except Exception as fault:
            self._doctor.note_failure(fault)


class _Reported(trio.abc.Instrument):
    """A run with a watch and a reporter, until it ends."""

    def __init__(self, doctor: Doctor) -> None:
        watch = QuietWatch(TrioEyes(), budget=doctor.budget, steps="auto")
        undo = ExitStack()
        try:
            undo.callback(watch.close)
            watch.open()
            figures = LoopFigures("trio", watch, threads=DefaultLimiter().threads)
            undo.callback(figures.close)
            soon = trio.lowlevel.current_trio_token().run_sync_soon
            self._reporter = Reporter(soon=soon, read=figures.read, look=watch.look, close=undo.close)
            self._reporter.start(doctor.socket, loop="trio", version=trio.__version__)
        except BaseException:
            undo.close()
            raise
        doctor.reported(self._reporter)

    def after_run(self) -> None:
        self._reporter.loop_ended()


def report_run(doctor: Doctor) -> None:
    """Report the run that was set up just now. A run whose time is a test's own is left alone: it has no load."""
    testing: Any = sys.modules.get("trio.testing")
    if testing is None or not isinstance(trio.lowlevel.current_clock(), testing.MockClock):
        trio.lowlevel.add_instrument(_Begin(doctor))
