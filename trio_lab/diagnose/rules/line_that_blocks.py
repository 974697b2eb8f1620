"""One line computes or waits on the loop, and everything else waits for it."""

from __future__ import annotations

from ...records.diagnosis import Setting
from ..rule import BLOCKING, Rule
from ..signals import LOOP, Signals
from .garbage_collection import RULE as GARBAGE
from .gil_hog import RULE as GIL
from .starvation import RULE as STARVATION

_LONG = 0.005  # seconds of a pass: from there on other requests feel it
_FEW_PASSES = 50  # a request
_CAUSES = ("python", "c call", "blocking call")


def _holds(signals: Signals) -> bool:
    if signals.stall_cause in _CAUSES:
        return not STARVATION.explains(signals)
    not_watched = signals.stall_cause is None  # passes may be long because other programs have the CPU, and stalls tell
    few = signals.passes_per_request is None or signals.passes_per_request < _FEW_PASSES
    long = (signals.long_pass or 0.0) >= _LONG
    return not_watched and few and long and not GARBAGE.explains(signals) and not GIL.explains(signals)


def _because(signals: Signals) -> str:
    took = signals.stall_mean if signals.stall_where and signals.stall_mean else signals.long_pass or 0.0
    long = f"single passes of the loop took {took * 1e3:.0f} ms at a third of the load, and all else waited"
    return f"{long}: {signals.stall_where} ({signals.stall_cause})" if signals.stall_where else long


RULE = Rule(
    id="line_that_blocks",
    step=BLOCKING,
    kinds=(LOOP,),
    needs=("long_pass",),
    holds=_holds,
    because=_because,
    figures=(
        "loop_calm",
        "loop_full",
        "stall_cause",
        "stall_share",
        "stall_awaits",
        "stall_coroutines",
        "stall_where",
        "passes_per_request",
    ),
    doubt="If its step goes through awaits all the time, it is starvation; if samples show a collection, it is garbage.",
    fix="Move the work off the loop: to a thread if it waits, to a worker process if it computes.",
    setting=lambda signals: Setting(of=signals.first or "", name="offload"),
    measure="beside_p50",
)
