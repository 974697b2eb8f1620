"""A task that awaits all the time and never lets another one run."""

from __future__ import annotations

from ..rule import STARVATION, Rule
from ..signals import LOOP, Signals

_AWAITS = 0.1  # of the pairs of looks at a step; a line that blocks has none but at its begin and end
_COROUTINES = (
    2.3  # two lines that block may be in two; short passes are looked at once each, so there are no pairs of looks
)
_RUNS = ("python", "c call")  # not told apart for certain where awaits are many and the machine is busy
_LONG = 0.005  # seconds


def _holds(signals: Signals) -> bool:
    awaits = (signals.stall_awaits or 0.0) >= _AWAITS or (signals.stall_coroutines or 0.0) >= _COROUTINES
    return signals.stall_cause in _RUNS and awaits and (signals.long_pass or 0.0) >= _LONG


RULE = Rule(
    id="starvation",
    step=STARVATION,
    kinds=(LOOP,),
    needs=("stall_cause", "long_pass"),
    either=("stall_awaits", "stall_coroutines"),
    holds=_holds,
    because=lambda signals: (
        f"passes of {(signals.long_pass or 0.0) * 1e3:.0f} ms go through many awaits, none of which lets other tasks run"
    ),
    figures=("stall_where", "stall_share", "stall_awaits", "stall_coroutines", "loop_full"),
    doubt="If the time between two of these awaits is long, it is a line that blocks.",
    fix="Let other tasks run after a bounded time: a real checkpoint in the loop, or time_sliced().",
)
