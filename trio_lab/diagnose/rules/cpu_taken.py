"""A CPU quota stops the service, or the host of the virtual machine takes its cores away."""

from __future__ import annotations

from ..rule import MEASURE, Rule
from ..signals import Signals

_MUCH = 0.1  # of a core


def _holds(signals: Signals) -> bool:
    return max(signals.throttled or 0.0, signals.stolen or 0.0) >= _MUCH


def _because(signals: Signals) -> str:
    if (throttled := signals.throttled or 0.0) >= _MUCH:
        return f"its CPU quota stopped the service's threads for {throttled:.2g} s in each second"
    return f"the host took {signals.stolen or 0.0:.2g} cores away from this machine"


RULE = Rule(
    id="cpu_taken",
    step=MEASURE,
    either=("throttled", "stolen"),
    holds=_holds,
    because=_because,
    figures=("cpu_full", "run_delay_full"),
    doubt="Lift the quota, or repeat on a quiet host: if the load that it bears stays the same, this was not the reason.",
    fix="Raise the CPU quota, or give the service fewer threads and processes than the quota has cores.",
)
