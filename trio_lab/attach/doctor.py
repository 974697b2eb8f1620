"""What this process knows of the doctor that has started it."""

from __future__ import annotations

import os
from weakref import WeakSet

from .notes import FAILED, forget, note
from .reporter import Reporter


class Doctor:
    """``where`` is the value of the environment variable `notes.DOCTOR`."""

    def __init__(self, where: str) -> None:
        budget, _, self.socket = where.partition(":")
        self.budget = float(budget)
        """Seconds that a pass may take."""
        self.forked = False
        """Whether this process was forked from one that reports already."""
        self._reporters: WeakSet[Reporter] = WeakSet()
        os.register_at_fork(after_in_child=self._forked)

    def note(self, kind: str, text: str) -> None:
        """Leave a note, see `notes`."""
        note(os.path.dirname(self.socket), kind, text)

    def note_failure(self, fault: Exception) -> None:
        self.note(FAILED, f"the watch could not be opened: {type(fault).__name__}: {fault}")

    def reported(self, reporter: Reporter) -> None:
        """A loop reports. From now on, processes that this one starts do not."""
        self._reporters.add(reporter)
        forget()

    def _forked(self) -> None:
        for reporter in self._reporters:
            self.forked = True
            reporter.forked()
