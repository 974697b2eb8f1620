"""The supervisor's side of what is shown of all processes: the memory that they share, who they are, and the process that shows
them live.

What a process had counted when it ended is kept, so that the counters of the service never fall.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ...config import Config
from ...live.memory import Memory, new_memory
from ...live.metrics.combined import Counts
from ...live.metrics.metric import Seen
from ...live.open_live import shown_beside
from ...live.place import open_answers
from ...live.service import figures_in
from ...records.codec import encode
from ...records.processes import ServerProcess, ServerProcesses
from .actions import Start
from .supervision import Process, Supervision


class Showing:
    """Made by `Showing.opened`. ``descriptor`` is that of the memory."""

    def __init__(self, descriptor: int, count: int, answers: list[int]) -> None:
        self.descriptor, self.regions = descriptor, 2 * count
        self._memories = [Memory(descriptor, region) for region in range(self.regions)]
        self._told = Memory(descriptor, self.regions)
        self._count, self._answers = count, answers
        self._ended = Counts()
        self._begun = 0  # the last life whose region was cleared

    @classmethod
    @contextmanager
    def opened(cls, config: Config, lab: str, listener: socket.socket | None) -> Iterator[Showing]:
        """With a ``listener`` a process beside the supervisor answers there, and shows all processes live."""
        regions = 2 * config.processes
        with ExitStack() as stack:
            descriptor, _ = stack.enter_context(new_memory(regions))
            pipes = [stack.enter_context(open_answers()) for _ in range(regions)]
            showing = cls(descriptor, config.processes, [writing for _, writing in pipes])
            stack.callback(showing.close)
            if listener is not None:
                stack.enter_context(listener)
                reading = [reading for reading, _ in pipes]
                stack.enter_context(
                    shown_beside(descriptor, listener, (config.host,), lab=lab, answers=reading, processes=True)
                )
            yield showing

    def close(self) -> None:
        for memory in (*self._memories, self._told):
            memory.close()

    def region(self, process: Process | Start) -> int:
        return 2 * (process.number - 1) + process.place

    def answers(self, region: int) -> int:
        """Where the process in this region writes where its loop is."""
        return self._answers[region]

    def tell(self, decided: Supervision) -> None:
        """Who lives now. Then the regions of those that are to be started are cleared: a reader finds what the process before
        them had counted either there or in what is told of those that have ended."""
        processes = sorted(decided.processes(), key=lambda process: process.life)
        told = ServerProcesses(
            count=self._count,
            restarts=decided.restarts,
            processes=tuple(
                ServerProcess(number=one.number, pid=one.pid, state=one.state, region=self.region(one))
                for one in processes
            ),
            ended=self._ended.counted(),
        )
        self._told.figures.write(encode(told))
        for process in processes:
            if process.life > self._begun:
                self._begun = process.life
                self._memories[self.region(process)].clear()

    def ended(self, start: Start) -> None:
        """Keep what it had counted; `tell` must follow at once."""
        figures = figures_in(self._memories[self.region(start)])
        if figures is not None:
            self._ended.add(Seen(health=figures.health, totals=figures.totals))
