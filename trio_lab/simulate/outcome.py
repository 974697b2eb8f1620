"""What a simulation has shown, in figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ..measure.histogram import Histogram
from ..records.codec import In, Ratio
from ..records.summary import Summary
from .lane import FastLane

Duration = In(suffix="_s", digits=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What was counted in so many ``seconds``. ``came`` counts attempts; how they ended is counted in ``served`` (in time),
    ``left``, ``refused`` and ``failed``. ``wasted`` is work that was done for callers that had left. ``goodput`` is
    ``served`` per second; ``wait`` is that of all work that was done, ``response`` that of what was served in time."""

    seconds: Annotated[float, In(digits=3)]
    came: int
    served: int
    left: int
    refused: int
    failed: int
    wasted: int
    goodput: Annotated[float, In(digits=4)]
    utilization: Ratio
    wait: Annotated[Summary, Duration]
    response: Annotated[Summary, Duration]

    @property
    def shed(self) -> float:
        """The share of the attempts that were refused, of those that ended: some of them came before the time that counts, and
        of those that came in it some have not ended."""
        ended = self.served + self.left + self.refused + self.failed
        return self.refused / ended if ended else 0.0


def simulated(lane: FastLane) -> Simulated:
    """How the requests of a simulation have ended so far, from when on they are counted."""
    responses, now = Histogram(), lane.events.now
    for crowd in lane.crowds:
        responses.merge(crowd.responses)
    statistics = lane.gate.statistics(now)
    busy, offered = (after - before for after, before in zip(lane.gate.place_time(now), lane.place_time, strict=True))
    waits = statistics.wait if lane.waits is None else lane.waits.summary()
    served, seconds = sum(crowd.served for crowd in lane.crowds), now - lane.began
    return Simulated(
        seconds=seconds,
        came=sum(crowd.came for crowd in lane.crowds),
        served=served,
        left=sum(crowd.left for crowd in lane.crowds),
        refused=sum(crowd.refused for crowd in lane.crowds),
        failed=sum(crowd.failed for crowd in lane.crowds),
        wasted=sum(crowd.wasted for crowd in lane.crowds),
        goodput=served / seconds if seconds else 0.0,
        utilization=busy / offered if offered else 0.0,
        wait=waits or Histogram().summary(),
        response=responses.summary(),
    )
