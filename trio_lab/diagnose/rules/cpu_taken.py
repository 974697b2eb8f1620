"""A CPU quota stops the service, the host of the virtual machine takes its cores away, or other programs have them."""

from __future__ import annotations

from ..growth import OWN
from ..onset import UNSEEN
from ..rule import MEASURE, Rule
from ..signals import LOOP, Signals

_MUCH = 0.1  # of a core, of each that it has if the host took them
_WAITS = 0.35  # of the time


def _holds(signals: Signals) -> bool:
    return (signals.throttled or 0.0) >= _MUCH or _stolen(signals) >= _MUCH or _crowded(signals)


def _stolen(signals: Signals) -> float:
    return (signals.stolen or 0.0) / (signals.cores or 1.0)


def _crowded(signals: Signals) -> bool:
    """Whether nothing but the want of a CPU explains why the loop is late. A pool that grows, or a line that blocks, is told on
    a crowded machine too."""
    if signals.kind not in (LOOP, UNSEEN) or signals.stall_cause not in (None, "none"):
        return False
    own = (signals.cpu_full or 0.0) >= OWN * (signals.cores or 1.0)
    return (signals.loop_delay or 0.0) >= _WAITS and not own


def _because(signals: Signals) -> str:
    if (throttled := signals.throttled or 0.0) >= _MUCH:
        return f"its CPU quota stopped the service's threads for {throttled:.2g} s in each second"
    if _stolen(signals) >= _MUCH:
        return f"the host took {signals.stolen or 0.0:.2g} of its {signals.cores or 1.0:g} cores away from this machine"
    return (
        f"other programs had the cores: the loop waited for one for {signals.loop_delay or 0.0:.0%} of the time, while the "
        f"service used {signals.cpu_full or 0.0:.1f} of {signals.cores or 1.0:g}"
    )


RULE = Rule(
    id="cpu_taken",
    step=MEASURE,
    either=("throttled", "stolen", "loop_delay"),
    holds=_holds,
    because=_because,
    figures=("cpu_full", "run_delay_full"),
    doubt="Repeat on a quiet machine, or without the quota: if the load that it bears stays the same, this was not the reason.",
    fix="Give the service cores of its own: end or move the other programs, or raise the CPU quota. Measure again before "
    "anything else is changed.",
)
