"""The shared memory of a service as it is read: of one with several processes, and of one that reads its own.

Each of several processes writes into a region of its own (`memory`). There are two regions for each number, because while a
process is replaced there are two of them. In a region behind those of the processes the supervisor writes who they are
(`ServerProcesses`) and what those had counted that have ended. It does so in one record, and a reader that finds another record
after it has read the regions reads them again: so no process is counted twice or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from ..records.codec import decode
from ..records.live import LiveFigures
from ..records.processes import ServerProcess, ServerProcesses
from .memory import Memory
from .metrics.combined import Combined
from .metrics.metric import Seen

PROCESSES, RESTARTS = "trio_lab_processes", "trio_lab_process_restarts_total"
_TRIES = 10  # each change of the processes costs one


class Service:
    """All processes of a service, by a descriptor of their memory."""

    def __init__(self, descriptor: int, regions: int) -> None:
        self.memories = tuple(Memory(descriptor, region) for region in range(regions))
        self._told = Memory(descriptor, regions)
        self._read: tuple[int, ServerProcesses] | None = None  # the last record and its number

    def close(self) -> None:
        for memory in (*self.memories, self._told):
            memory.close()

    def processes(self) -> ServerProcesses | None:
        """As the supervisor has told them; None if it has not yet."""
        written = self._told.figures.read()
        if written is None:
            return None
        if self._read is None or self._read[0] != written.number:
            self._read = written.number, decode(ServerProcesses, written.data)
        return self._read[1]

    def figures(self, process: ServerProcess) -> LiveFigures | None:
        """The newest ones of one process; None if it has not told any."""
        return figures_in(self.memories[process.region])

    def combined(self) -> Combined | None:
        """For the exposition; None until a process has told its figures."""
        for _ in range(_TRIES):
            told = self.processes()
            found = [] if told is None else list(self._seen(told))
            if self.processes() is told:
                break
        if told is None or not found:
            return None
        return Combined(
            runtime=found[0][1].health.runtime,
            serving={process.number: seen for process, seen in found if process.state == "serving"},
            others=tuple(seen for process, seen in found if process.state != "serving"),
            ended=told.ended,
            own={
                PROCESSES: sum(process.state == "serving" for process in told.processes),
                RESTARTS: told.restarts,
            },
        )

    def _seen(self, told: ServerProcesses) -> Iterator[tuple[ServerProcess, Seen]]:
        for process in told.processes:
            if process.pid is None:  # its region may still have what the one before it wrote
                continue
            if (figures := self.figures(process)) is not None:
                yield process, _seen(figures)


class LastSeen:
    """The last figures that one process has written, read where they are written. Safe in any thread, and while the loop is
    blocked. When the memory has been closed, those that were read last."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        figures = figures_in(memory)
        assert figures is not None  # they are written before they are offered
        self._seen = _seen(figures)

    def __call__(self) -> Seen:
        with suppress(ValueError):
            if (figures := figures_in(self._memory)) is not None:
                self._seen = _seen(figures)
        return self._seen


def _seen(figures: LiveFigures) -> Seen:
    return Seen(health=figures.health, totals=figures.totals)


def figures_in(memory: Memory) -> LiveFigures | None:
    written = memory.figures.read()
    return None if written is None else decode(LiveFigures, written.data)
