"""A learner that only writes down what it is told."""

from __future__ import annotations

from trio_lab.admission.disciplines import Fifo, W, Waiting


class Recorder:
    """``told`` has a line for each call, with times in tenths of a second."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def words(self) -> list[str]:
        return [line.split()[1] for line in self.told]

    def left(self, entry: Waiting, now: float) -> None:
        self.told.append(f"{entry.kind} left at {(now - entry.arrived) * 10:.0f}")

    def ran(self, entry: Waiting, seconds: float) -> None:
        self.told.append(f"{entry.kind} ran for {seconds * 10:.0f}")

    def stayed(self, entry: Waiting, now: float) -> None:
        self.told.append(f"{entry.kind} stayed until {(now - entry.arrived) * 10:.0f}")

    def served(self, entry: Waiting, now: float, seconds: float) -> None:
        self.told.append(f"{entry.kind} served at {(now - entry.arrived) * 10:.0f} after {seconds * 10:.0f}")


class Recorded(Fifo[W]):
    """First come, first served."""

    def __init__(self) -> None:
        super().__init__()
        self.learner: Recorder = Recorder()
