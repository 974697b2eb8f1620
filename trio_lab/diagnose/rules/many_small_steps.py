"""A request takes very many passes of the loop, each of them short."""

from __future__ import annotations

from ..rule import STARVATION, Rule
from ..signals import LOOP, Signals

_MANY = 50  # passes a request; a plain request takes some three
_SHORT = 0.001  # seconds


def _many(signals: Signals) -> bool:
    return (signals.passes_per_request or 0.0) >= _MANY and (signals.pass_p50 or 0.0) <= _SHORT


def _holds(signals: Signals) -> bool:
    return _many(signals) or signals.stall_cause == "many small steps"


def _because(signals: Signals) -> str:
    if _many(signals):
        return f"a request takes {signals.passes_per_request:.0f} passes of the loop"
    return "very many small steps took most of the passes that were too long"


RULE = Rule(
    id="many_small_steps",
    step=STARVATION,
    kinds=(LOOP,),
    needs=("passes_per_request", "pass_p50"),
    holds=_holds,
    because=_because,
    figures=("stall_cause", "loop_full"),
    doubt="If the loop has other work beside the requests, passes are no measure of a request: compare with it switched off.",
    fix="Do more between two checkpoints: chunked() or time_sliced() in place of a checkpoint for each item.",
)
