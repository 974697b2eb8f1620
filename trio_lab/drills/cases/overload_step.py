"""From half the capacity to 1.4 times the capacity in one step: how soon are answers in time again?

An open workload whose clients leave after a second, at the stock settings. The objective is theirs: answers within that
second, and as many as the server can give. It holds from a moment on if, from there to the end, goodput is at least 0.9 of the
capacity; later answers do not count. The figure is the first such moment after the step, in steps of the series' intervals.
(After a step Breakwater takes 20 ms and DAGOR 500 ms, by their papers.)

The control has what was the default before: first come, first served, for 2 seconds at most. Each second 0.4 seconds of work
are left over. When that is the clients' second, everybody is served when they leave, and it stays so: the load lasts for long
enough that the queue must come there. Where it was so little over the capacity, which changes, that the queue would not have
come there, the drill is undecided.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...records.figures import Measures, check
from ...records.load import LoadResult
from ...stage.crowd import FIFO
from ...stage.stage import Stage
from ..both import drill_of_both
from ..crowded import CONNECTIONS, INTERVAL, able, crowded, protected, unprotected
from ..model import Disturbed
from ..server import FaultyServer

_PATH, _QUEUE = "/hash", "native_pool"
_PATIENCE = 1.0
_BEFORE, _AFTER = 0.5, 1.4  # loads, in units of the capacity
_CALM = 2.0  # seconds before the step
_LEAST = 0.9  # of the capacity
_ALLOWED_MS = 200
_LEFT_OVER = 1.5  # patiences of work that the load must leave over


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    capacity: float
    load: LoadResult

    def back_after(self) -> float:
        """Seconds from the step until the objective holds to the end; infinite if it never does."""
        for row in self.load.series:
            late = row.start - _CALM
            if late >= -INTERVAL / 2 and self._holds(row.start):
                return max(0.0, late)
        return math.inf

    def left_over(self) -> float:
        """Seconds of work that were offered after the step and not done in time."""
        length = self.load.duration - _CALM
        goodput = self.load.goodput_in(_CALM) or 0.0
        return length * (_AFTER * self.capacity / goodput - 1) if goodput else math.inf

    def _holds(self, begin: float) -> bool:
        if self.load.duration - begin < _PATIENCE:
            return False  # too short to tell
        return (self.load.goodput_in(begin) or 0.0) >= _LEAST * self.capacity


_FIGURES: Measures[_Found] = {
    "capacity_per_s": lambda found: found.capacity,
    "back_after_ms": lambda found: found.back_after() * 1e3,
    "goodput_share": lambda found: (found.load.goodput_in(_CALM) or 0.0) / found.capacity,
    "refused": lambda found: found.load.requests.shed,
    "left": lambda found: found.load.requests.timed_out,
}


async def _measure(stage: Stage, server: FaultyServer) -> _Found:
    capacity = await able(stage, server, _PATH)
    length = max(7.0, stage.seconds(20, quick=8))
    load, _ = await crowded(
        stage,
        server,
        _PATH,
        _QUEUE,
        {
            "connections": CONNECTIONS,
            "stages": [(_CALM, _BEFORE * capacity), (length, _AFTER * capacity)],
            "leave_after": _PATIENCE,
        },
    )
    found = _Found(capacity=capacity, load=load)
    if found.left_over() < _LEFT_OVER * _PATIENCE:
        raise Disturbed(f"the load of {_AFTER * capacity:.0f} requests per second was hardly more than could be served")
    return found


DRILL = drill_of_both(
    name="overload-step",
    number=8,
    gate=False,
    question="The load steps from half the capacity to 1.4 times it: how soon are answers in time again?",
    figures=_FIGURES,
    checks=(check("time from the step until answers are in time again", "back_after_ms", "<=", _ALLOWED_MS, "ms"),),
    inject=protected(_FIGURES, _measure),
    control=unprotected(_FIGURES, _measure, *FIFO),
    twin="first come, first served, for 2 s at most",
)
