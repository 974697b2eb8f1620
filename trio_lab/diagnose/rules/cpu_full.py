"""The work needs more CPU than there is, and no setting changes that."""

from __future__ import annotations

from ..rule import WORKERS, Rule
from ..signals import THREADS, Signals
from ..signals import WORKERS as WORKER_POOLS
from .gil_hog import RULE as GIL
from .native_pool_too_wide import RULE as TOO_WIDE

_USED = 0.75  # of the cores


def _holds(signals: Signals) -> bool:
    cores = signals.cores or 1.0
    used = (signals.cpu_full or 0.0) >= _USED * cores
    wanted = (signals.jobs_cpu or 0.0) >= _USED * cores and signals.spare_cores <= (1 - _USED) * cores
    return (used or wanted) and not TOO_WIDE.explains(signals) and not GIL.explains(signals)


def _because(signals: Signals) -> str:
    used = f"the service used {signals.cpu_full:.1f} of {signals.cores:g} cores"
    if (signals.cpu_full or 0.0) >= _USED * (signals.cores or 1.0):
        return f"{used}: the hardware is full"
    return f"{used}, its jobs wanted {signals.jobs_cpu or 0.0:.1f}, and other programs had the rest"


RULE = Rule(
    id="cpu_full",
    step=WORKERS,
    kinds=(THREADS, WORKER_POOLS),
    needs=("cpu_full", "cores"),
    holds=_holds,
    because=_because,
    figures=("jobs_cpu", "free_cores", "service_ratio", "run_delay_full", "concurrency", "saturation"),
    doubt="If another program used the cores meanwhile, repeat without it.",
    fix="Do less work for a request, or add cores or machines; a wider pool brings nothing.",
)
