"""Jobs that compute queue for a worker while cores are free. The sources' rule `shouldScaleCpuPool`."""

from __future__ import annotations

from ...records.diagnosis import Setting
from ..rule import WORKERS, Rule
from ..signals import WORKERS as WORKER_POOLS
from ..signals import Signals

_FLAT = 1.5  # times the service time without load
_FREE = 0.4  # cores that are left; the load generator may use some
_IDLE = 0.7  # of the loop


def _holds(signals: Signals) -> bool:
    flat = signals.service_ratio is None or signals.service_ratio <= _FLAT
    free = signals.spare_cores >= _FREE
    return flat and free and (signals.loop_full or 0.0) < _IDLE


RULE = Rule(
    id="worker_pool_too_small",
    step=WORKERS,
    kinds=(WORKER_POOLS,),
    needs=("cpu_full", "cores", "loop_full"),
    holds=_holds,
    because=lambda signals: (
        f"jobs queue for {signals.capacity or 'the'} workers while "
        f"{signals.spare_cores:.1f} cores are free and the loop has time"
    ),
    figures=("free_cores", "capacity", "service_ratio", "saturation"),
    doubt="If a job uses more than one core, or another program needs the free ones, more workers bring nothing.",
    fix="Add a worker for each free core, and keep one core for the loop.",
    setting=lambda signals: Setting(
        of=signals.first or "", name="capacity", value=(signals.capacity or 1) + max(1, int(signals.spare_cores))
    ),
)
