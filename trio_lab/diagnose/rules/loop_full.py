"""The loop is full of short steps: the requests' own code is what it can do, on one core."""

from __future__ import annotations

from ..rule import WORKERS, Rule
from ..signals import LOOP, Signals

_BUSY = 0.85  # loop utilization
_LONG = 0.005  # seconds of a pass
_MANY = 50  # passes a request


def _holds(signals: Signals) -> bool:
    short = signals.stall_cause == "none" or (signals.long_pass or 0.0) < _LONG
    few = (signals.passes_per_request or 0.0) < _MANY
    return short and few and (signals.loop_full or 0.0) >= _BUSY and signals.stall_cause in (None, "none")


RULE = Rule(
    id="loop_full",
    step=WORKERS,
    kinds=(LOOP,),
    needs=("loop_full", "long_pass", "passes_per_request"),
    holds=_holds,
    because=lambda signals: (
        f"the loop was busy for {signals.loop_full:.0%} of the time with short passes: one core cannot run more of this code"
    ),
    figures=("loop_calm", "saturation", "service_time"),
    doubt="If a profile of the loop shows one function above all, make that one cheaper first.",
    fix="Run more processes of the service on more cores, or do less for each request.",
)
