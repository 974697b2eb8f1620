"""The service waits for another one: ever more calls outwards are under way, and nothing waits inside."""

from __future__ import annotations

from ..rule import BACKPRESSURE, Rule
from ..signals import OUTWARDS

RULE = Rule(
    id="downstream_slow",
    step=BACKPRESSURE,
    kinds=(OUTWARDS,),
    holds=lambda _: True,
    because=lambda signals: (
        f"calls of {(signals.first or '').removeprefix('outward.')} under way grew without an end, "
        "and by more than the queues of the service"
    ),
    figures=("service_ratio", "saturation", "loop_full", "cpu_full"),
    doubt="If the other service answers as fast under the same load from elsewhere, the wait is in the client code here.",
    fix="Bound the calls under way and their time, so that a slow neighbour does not fill this service.",
)
