"""Evidence without names: those of routes, queues, functions, files and tasks are replaced by random codes.

The doctor is examined on it, so no name can have told it what was planted. The names of queues that every program has, and the
first part of a name that says what a queue is, are the lab's own and stay.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from ...diagnose.onset import ACCEPT_BACKLOG, RUN_QUEUE
from ...records.examination import Examination, Sighting, Step
from ...records.health import Health, StallFigures
from ...records.queue import QueueStatistics

_EVERYWHERE = {ACCEPT_BACKLOG, RUN_QUEUE, "default_limiter", "default_executor", "native_pool"}
_SORTS = ("worker_pool", "ProcessPoolExecutor", "outward.")


class Mask:
    """Replaces names by codes. Another ``seed`` gives other codes."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def _word(self, name: str) -> str:
        return f"{Random(f'{self._seed} {name}').getrandbits(40):010x}"

    def queue(self, name: str) -> str:
        """The code for the name of a queue. What says which sort of queue it is stays."""
        if name in _EVERYWHERE:
            return name
        sort = next((sort for sort in _SORTS if name.startswith(sort)), "")
        return sort + self._word(name) if sort != name else name

    def examination(self, found: Examination) -> Examination:
        """The same evidence with other names."""
        steps = tuple(self._step(step) for step in found.steps)
        return replace(found, url="http://service/", probe="http://service/", steps=steps, blind=(), program=None)

    def _step(self, step: Step) -> Step:
        sightings = (Sighting(at=one.at, health=self._health(one.health)) for one in step.sightings)
        return replace(step, sightings=tuple(sightings))

    def _health(self, health: Health) -> Health:
        stalls = None if health.stalls is None else tuple(map(self._stall, health.stalls))
        return replace(health, profile="", queues=tuple(map(self._queue, health.queues)), stalls=stalls)

    def _queue(self, queue: QueueStatistics) -> QueueStatistics:
        return replace(queue, name=self.queue(queue.name), kinds=None)

    def _stall(self, stall: StallFigures) -> StallFigures:
        if not stall.filename:
            return stall
        line = self._word(f"{stall.filename}:{stall.lineno}")
        task = None if stall.task is None else self._word(stall.task)
        return replace(stall, filename=line, lineno=1, function=self._word(stall.function), task=task)
