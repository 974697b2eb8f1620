"""The work needs more CPU than there is, and no setting changes that."""

from __future__ import annotations

from ..rule import WORKERS, Rule
from ..signals import THREADS, Signals
from ..signals import WORKERS as WORKER_POOLS
from .native_pool_too_wide import RULE as TOO_WIDE

_USED = 0.75  # of the cores


def _holds(signals: Signals) -> bool:
    too_wide = TOO_WIDE.possible(signals) and not TOO_WIDE.missing(signals) and TOO_WIDE.holds(signals)
    return (signals.cpu_full or 0.0) >= _USED * (signals.cores or 1.0) and not too_wide


RULE = Rule(
    id="cpu_full",
    step=WORKERS,
    kinds=(THREADS, WORKER_POOLS),
    needs=("cpu_full", "cores"),
    holds=_holds,
    because=lambda signals: f"the service used {signals.cpu_full:.1f} of {signals.cores:g} cores: the hardware is full",
    figures=("service_ratio", "run_delay_full", "concurrency", "saturation"),
    doubt="If another program used the cores meanwhile, repeat without it.",
    fix="Do less work for a request, or add cores or machines; a wider pool brings nothing.",
)
