"""Collections of cyclic garbage stop the loop."""

from __future__ import annotations

from ..rule import BLOCKING, Rule
from ..signals import LOOP, Signals

_MUCH = 0.3  # of the loop's busy time


def _holds(signals: Signals) -> bool:
    return (signals.gc_share or 0.0) >= _MUCH or signals.stall_cause == "gc"


def _because(signals: Signals) -> str:
    if (share := signals.gc_share or 0.0) >= _MUCH:
        return f"garbage collections took {share:.0%} of the time in which the loop was busy"
    return "garbage collections took most of the passes that were too long"


RULE = Rule(
    id="garbage_collection",
    step=BLOCKING,
    kinds=(LOOP,),
    needs=("gc_share",),
    holds=_holds,
    because=_because,
    figures=("stall_cause", "long_pass"),
    doubt="Run it once with gc.freeze() after start-up, or gc.disable(): if the stalls stay, they are not collections.",
    fix="Freeze what lives as long as the program, and collect less often.",
    measure="p50",
)
