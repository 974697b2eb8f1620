"""What the side process reads of a service: one `Reading`, or one for each process that serves, by its number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..records.live import LiveState, SeenProcess
from ..records.processes import ServerProcess
from .memory import Memory
from .metrics.combined import Combined
from .metrics.metric import Seen
from .place import Asking
from .reading import Reading
from .service import Service, figures_in

_ALONE = ServerProcess(number=1, pid=None, state="serving", region=0)
_WORST = ("stopped", "blocked", "passing")


class Readings:
    """``answers`` has a pipe for each region of the memory. ``many``: the service has several processes."""

    def __init__(self, descriptor: int, answers: Sequence[int], *, many: bool) -> None:
        self._service = Service(descriptor, len(answers)) if many else None
        self._memories = self._service.memories if self._service else (Memory(descriptor),)
        self._answers = answers
        self._by_region: dict[int, tuple[int | None, Reading]] = {}
        self.serving: dict[int, Reading] = {}
        """Those of the processes that serve."""
        self._processes: tuple[ServerProcess, ...] = ()

    def look(self) -> None:
        """Read who the processes are, and what each has written since the last call."""
        told = self._service.processes() if self._service else None
        self._processes = (_ALONE,) if self._service is None else told.processes if told else ()
        found: dict[int, Reading] = {}
        for process in self._processes:
            if process.state == "serving" and (reading := self._reading(process)) is not None:
                reading.read_figures()
                found[process.number] = reading
        self.serving = dict(sorted(found.items()))

    def _reading(self, process: ServerProcess) -> Reading | None:
        """It begins anew with a new process in the same region."""
        pid, reading = self._by_region.get(process.region, (None, None))
        if reading is not None and pid == process.pid:
            return reading
        memory = self._memories[process.region]
        if (figures := figures_in(memory)) is None:
            return None
        asking = Asking(figures.pid, figures.loop_thread, figures.signal, self._answers[process.region])
        reading = Reading(memory, pid=figures.pid, thread=figures.loop_thread, asking=asking)
        self._by_region[process.region] = process.pid, reading
        return reading

    def of(self, number: int | None) -> Reading | None:
        """That of one process; by default the first, and None if there is none."""
        return self.serving.get(next(iter(self.serving), 0) if number is None else number)

    def worst(self) -> Reading | None:
        """That of the process in the worst state."""
        return min(self.serving.values(), key=lambda reading: _WORST.index(reading.state().state), default=None)

    def takes_requests(self) -> Reading | None:
        """One of a process that would take a request now."""
        return next((one for one in self.serving.values() if ready(one.state(), one.refusing())), None)

    def combined(self) -> Combined | Seen | None:
        """For the exposition."""
        if self._service is not None:
            return self._service.combined()
        figures = reading.figures if (reading := self.of(1)) else None
        return None if figures is None else Seen(health=figures.health, totals=figures.totals)

    def processes(self) -> tuple[SeenProcess, ...] | None:
        """All of them, if the service has several."""
        return None if self._service is None else tuple(self._seen())

    def _seen(self) -> Iterator[SeenProcess]:
        for process in sorted(self._processes, key=lambda process: (process.number, process.state)):
            reading, state = self.serving.get(process.number), process.state
            if state == "serving" and reading is not None:
                yield SeenProcess(number=process.number, pid=process.pid, state=reading.state().state)
            else:
                yield SeenProcess(number=process.number, pid=process.pid, state=state)


def ready(state: LiveState, refusing: str | None) -> bool:
    return state.state == "passing" and refusing is None
