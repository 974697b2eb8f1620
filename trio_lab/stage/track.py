"""What a round sees of its server over time, from all of its phases together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import trio

from ..diagnose.gathering import first_to_gather, gathers_from
from ..diagnose.onset import NONE
from ..records.health import Health
from ..records.load import LoadResult
from ..records.queue import QueueStatistics
from ..records.summary import Summary
from ..records.timeline import Phase, QueueTrack, Timeline
from .load_step import Look, began, ends_of, step_of


class Track:
    """Counts from when it is made. Times are seconds."""

    def __init__(self) -> None:
        self._began = trio.current_time()
        self._samples: list[Look] = []
        self._phases: list[Phase] = []

    def now(self) -> float:
        return trio.current_time() - self._began

    def see(self, health: Health) -> None:
        self._samples.append((self.now(), health))

    def load(self, name: str, asked: float, result: LoadResult) -> None:
        """A load that was asked for then and whose last reply has come now. Its process may have taken a moment to start."""
        over = self.now()
        starts = [row.start for row in result.series]
        ends = ends_of(result)
        begin = began(asked, over, result)
        widths = [after - before for before, after in zip(starts, ends, strict=False)]
        replies = [
            (begin + row.start + width / 2, row.ok / width)
            for row, width in zip(result.series, widths, strict=False)
            if width > 0
        ]
        step = step_of(result, begin, self._samples)
        first = first_to_gather(step)
        since = None if first in (None, NONE) else gathers_from(step, first or NONE)
        phase = Phase(
            name=name,
            begin=begin,
            end=min(begin + result.duration, over),
            replies=tuple(replies),
            first_full=None if since is None else first,
            full_at=None if since is None else begin + since,
            offered=result.offered,
        )
        self._phases.append(phase)

    def timeline(self) -> Timeline | None:
        """None when nothing was seen."""
        return timeline(self._samples, self._phases) if self._samples else None


def timeline(looks: Sequence[Look], phases: Iterable[Phase]) -> Timeline:
    """The timeline of these looks at one server."""
    samples = [health for _, health in looks]
    names = dict.fromkeys(queue.name for sample in samples for queue in sample.queues)
    return Timeline(
        seconds=tuple(at for at, _ in looks),
        queues=tuple(_track([_queue(sample, name) for sample in samples], name) for name in names),
        passes=tuple(sample.loop.max for sample in samples),
        phases=tuple(sorted(phases, key=lambda phase: phase.begin)),
    )


def _queue(sample: Health, name: str) -> QueueStatistics:
    return next((queue for queue in sample.queues if queue.name == name), QueueStatistics(name=name))


def _track(queue: Sequence[QueueStatistics], name: str) -> QueueTrack:
    return QueueTrack(
        name=name,
        capacity=queue[-1].capacity,
        max_waiting=queue[-1].max_waiting,
        waiting=tuple(one.waiting for one in queue),
        in_service=tuple(one.in_service for one in queue),
        # The first sample counts from the start of the server, which may have served other rounds.
        wait=(None, *(_waited(now, before.wait) for before, now in pairwise(queue))),
    )


def _waited(now: QueueStatistics, before: Summary | None) -> float | None:
    """The mean of the waits that ended since the summary before; None when none did, or nothing is observed."""
    if (wait := now.wait) is None:
        return None
    count, spent = (before.count, before.count * before.mean) if before else (0, 0.0)
    if count > wait.count:  # another server
        count, spent = 0, 0.0
    return max(0.0, (wait.count * wait.mean - spent) / (wait.count - count)) if wait.count > count else None
