"""A task that awaits all the time and never lets another one run."""

from __future__ import annotations

from ..rule import STARVATION, Rule
from ..signals import LOOP, Signals

_ONE_LINE = 0.5  # of the samples of a stall
_LONG = 0.005  # seconds


def _holds(signals: Signals) -> bool:
    scattered = (signals.stall_share or 0.0) < _ONE_LINE
    return signals.stall_cause == "python" and scattered and (signals.long_pass or 0.0) >= _LONG


RULE = Rule(
    id="starvation",
    step=STARVATION,
    kinds=(LOOP,),
    needs=("stall_cause", "stall_share", "long_pass"),
    holds=_holds,
    because=lambda signals: (
        f"passes of {(signals.long_pass or 0.0) * 1e3:.0f} ms consist of many short calls, none of which lets other tasks run"
    ),
    figures=("stall_where", "loop_full"),
    doubt="If a stack of each step shows one line all the time, it is a line that blocks.",
    fix="Let other tasks run after a bounded time: a real checkpoint in the loop, or time_sliced().",
)
