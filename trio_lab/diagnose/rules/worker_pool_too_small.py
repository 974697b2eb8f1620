"""Jobs queue for a worker while cores are free, or while all workers wait. The sources' rule `shouldScaleCpuPool`."""

from __future__ import annotations

from ...records.diagnosis import Setting
from ..rule import WORKERS, Rule
from ..signals import WORKERS as WORKER_POOLS
from ..signals import Signals

_FLAT = 1.5  # times the service time without load
_FREE = 0.4  # cores that are left; the load generator may use some
_IDLE = 0.7  # of the loop
_HARDLY = 0.25  # cores that a worker uses: its jobs wait for something else, and need no free core


def _waits(signals: Signals) -> bool:
    return signals.jobs_cpu is not None and signals.jobs_cpu < _HARDLY * (signals.capacity or 1)


def _holds(signals: Signals) -> bool:
    flat = signals.service_ratio is None or signals.service_ratio <= _FLAT
    free = signals.spare_cores >= _FREE or _waits(signals)
    return flat and free and (signals.loop_full or 0.0) < _IDLE


def _because(signals: Signals) -> str:
    meanwhile = "these wait" if _waits(signals) else f"{signals.spare_cores:.1f} cores are free"
    return f"jobs queue for {signals.capacity or 'the'} workers while {meanwhile} and the loop has time"


RULE = Rule(
    id="worker_pool_too_small",
    step=WORKERS,
    kinds=(WORKER_POOLS,),
    needs=("cpu_full", "cores", "loop_full"),
    holds=_holds,
    because=_because,
    figures=("free_cores", "jobs_cpu", "capacity", "service_ratio", "saturation"),
    doubt="If a job uses more than one core, or another program needs the free ones, more workers bring nothing.",
    fix="Add a worker for each free core, and keep one core for the loop.",
    setting=lambda signals: Setting(
        of=signals.first or "", name="capacity", value=(signals.capacity or 1) + max(1, int(signals.spare_cores))
    ),
)
