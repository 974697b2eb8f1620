"""What a simulation has shown, in figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..admission.gate import Gate
from ..measure.histogram import Histogram
from ..records.summary import Summary
from .callers import Crowd


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """Since the start, ``seconds`` ago. ``came`` counts attempts; how they ended is counted in ``served`` (in time),
    ``left``, ``refused`` and ``failed``. ``wasted`` is work that was done for callers that had left. ``goodput`` is
    ``served`` per second; ``wait`` is that of all work that was done, ``response`` that of what was served in time."""

    seconds: float
    came: int
    served: int
    left: int
    refused: int
    failed: int
    wasted: int
    goodput: float
    utilization: float
    wait: Summary
    response: Summary


def simulated(gate: Gate, crowds: Iterable[Crowd], now: float) -> Simulated:
    """How the requests of these crowds have ended at a gate, up to ``now``."""
    crowds, responses = list(crowds), Histogram()
    for crowd in crowds:
        responses.merge(crowd.responses)
    statistics = gate.statistics(now)
    served = sum(crowd.served for crowd in crowds)
    return Simulated(
        seconds=now,
        came=sum(crowd.came for crowd in crowds),
        served=served,
        left=sum(crowd.left for crowd in crowds),
        refused=sum(crowd.refused for crowd in crowds),
        failed=sum(crowd.failed for crowd in crowds),
        wasted=sum(crowd.wasted for crowd in crowds),
        goodput=served / now if now else 0.0,
        utilization=statistics.utilization or 0.0,
        wait=statistics.wait or Histogram().summary(),
        response=responses.summary(),
    )
