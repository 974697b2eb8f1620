"""Collections of cyclic garbage stop the loop."""

from __future__ import annotations

from ..rule import BLOCKING, Rule
from ..signals import LOOP, Signals

_MUCH = 0.3  # of the loop's busy time


def _holds(signals: Signals) -> bool:
    return (signals.gc_share or 0.0) >= _MUCH or signals.stall_cause == "gc"


RULE = Rule(
    id="garbage_collection",
    step=BLOCKING,
    kinds=(LOOP,),
    needs=("gc_share",),
    holds=_holds,
    because=lambda signals: (
        f"garbage collections took {signals.gc_share or 0.0:.0%} of the time in which the loop was busy"
    ),
    figures=("stall_cause", "long_pass"),
    doubt="Run it once with gc.freeze() after start-up, or gc.disable(): if the stalls stay, they are not collections.",
    fix="Freeze what lives as long as the program, and collect less often.",
    measure="p50",
)
