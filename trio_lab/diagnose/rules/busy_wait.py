"""A task polls without waiting, so the loop is busy without any load."""

from __future__ import annotations

from ..rule import STARVATION, Rule
from ..signals import Signals

_BUSY = 0.85  # loop utilization


def _holds(signals: Signals) -> bool:
    return (signals.loop_rest or 0.0) >= _BUSY or signals.stall_cause == "busy wait"


def _because(signals: Signals) -> str:
    if (rest := signals.loop_rest or 0.0) >= _BUSY:
        return f"the loop was busy for {rest:.0%} of the time without any load"
    return "polling without a wait took most of the passes that were too long"


RULE = Rule(
    id="busy_wait",
    step=STARVATION,
    needs=("loop_rest",),
    holds=_holds,
    because=_because,
    figures=("stall_cause", "stall_where"),
    doubt="If a background job was computing on the loop meanwhile, that line blocks it.",
    fix="Wait for an event instead of asking again and again.",
)
