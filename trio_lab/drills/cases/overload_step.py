"""From half the capacity to 1.4 times the capacity in one step: how soon are answers in time again?

An open workload whose clients leave after a second, at the stock settings. The objective is theirs: answers come within that
second, and as many as the server can give. It holds from a moment on if, from there to the end, goodput is
at least 0.9 of the capacity and the p99 of the answers within a second. The figure is the first such moment after the step, in
steps of the series' intervals. (After a step Breakwater takes 20 ms and DAGOR 500 ms, by their papers.)

The control has what was the default before: first come, first served, for 2 seconds at most. Its queue fills in the second
after the step, and then everybody is served when they leave.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...measure.percentile import percentile
from ...records.figures import Figures, Measures, check, measured
from ...records.load import LoadResult
from ...stage.crowd import FIFO
from ...stage.stage import Stage
from ..both import drill_of_both
from ..crowded import CONNECTIONS, FLAGS, INTERVAL, able, crowded
from ..server import faulty_server

_PATH, _QUEUE = "/hash", "native_pool"
_PATIENCE = 1.0
_BEFORE, _AFTER = 0.5, 1.4  # loads, in units of the capacity
_CALM = 2.0  # seconds before the step
_LEAST = 0.9  # of the capacity
_ALLOWED_MS = 200


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

    def _holds(self, begin: float) -> bool:
        if self.load.duration - begin < _PATIENCE:
            return False  # too short to tell
        goodput = self.load.goodput_in(begin) or 0.0
        answered = [latency for begun, latency in self.load.by_start() if begun >= begin and latency <= _PATIENCE]
        return goodput >= _LEAST * self.capacity and percentile(answered, 0.99) <= _PATIENCE


_FIGURES: Measures[_Found] = {
    "capacity_per_s": lambda found: found.capacity,
    "back_after_ms": lambda found: found.back_after() * 1e3,
    "goodput_share": lambda found: (found.load.goodput_in(_CALM) or 0.0) / found.capacity,
    "refused": lambda found: found.load.requests.shed,
    "left": lambda found: found.load.requests.timed_out,
}


async def _measure(stage: Stage, *flags: str) -> Figures:
    async with faulty_server(*FLAGS, *flags, runtime=stage.runtime) as server:
        capacity = await able(stage, server, _PATH)
        length = max(5.0, stage.seconds(20, quick=6))
        load, _ = await crowded(
            stage,
            server,
            _PATH,
            _QUEUE,
            {
                "connections": CONNECTIONS,
                "stages": [(_CALM, _BEFORE * capacity), (length, _AFTER * capacity)],
                "leave_after": _PATIENCE,
                "keep_samples": True,
            },
        )
        return measured(_FIGURES, _Found(capacity=capacity, load=load)) | await server.aftermath()


DRILL = drill_of_both(
    name="overload-step",
    number=8,
    gate=False,
    question="The load steps from half the capacity to 1.4 times it: how soon are answers in time again?",
    figures=_FIGURES,
    checks=(check("time from the step until answers are in time again", "back_after_ms", "<=", _ALLOWED_MS, "ms"),),
    inject=_measure,
    control=lambda stage: _measure(stage, *FIFO),
    twin="first come, first served, for 2 s at most",
)
