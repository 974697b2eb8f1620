"""A flood of callbacks from other threads runs in one step of the loop."""

from __future__ import annotations

from ..rule import STARVATION, Rule
from ..signals import LOOP

RULE = Rule(
    id="entry_queue",
    step=STARVATION,
    kinds=(LOOP,),
    needs=("stall_cause",),
    holds=lambda signals: signals.stall_cause == "entry queue",
    because=lambda _: "callbacks from other threads took most of the passes that were too long",
    figures=("stall_where", "long_pass", "loop_full"),
    doubt="If one callback alone is slow, its line blocks; the number of callbacks in a pass tells them apart.",
    fix="Send what threads have to say in batches, through one memory channel.",
)
