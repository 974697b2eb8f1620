"""More threads compute than there are cores: they take turns, and each job takes longer."""

from __future__ import annotations

from ...records.diagnosis import Setting
from ..rule import NATIVE_POOL, Rule
from ..signals import THREADS, Signals
from .gil_hog import RULE as GIL

_SLOWER = 2.5  # times the service time without load
_DELAYED = 1.0  # seconds a second, of all threads
_SPARE = 0.25  # of the cores: what is left when they are full, whoever uses them


def _holds(signals: Signals) -> bool:
    wide = (signals.capacity or 0) > 2 * (signals.cores or 1.0)
    slow = (signals.service_ratio or 0.0) >= _SLOWER and (signals.run_delay_full or 0.0) >= _DELAYED
    full = signals.spare_cores <= _SPARE * (signals.cores or 1.0)
    return wide and slow and full and not GIL.explains(signals)


RULE = Rule(
    id="native_pool_too_wide",
    step=NATIVE_POOL,
    kinds=(THREADS,),
    needs=("service_ratio", "run_delay_full", "cpu_full", "cores", "capacity"),
    holds=_holds,
    because=lambda signals: (
        f"{signals.capacity} threads compute on {signals.cores:g} cores, so a job takes "
        f"{signals.service_ratio:.1f} times as long as alone"
    ),
    figures=("concurrency", "saturation"),
    doubt="If jobs wait for something between their computing, more threads than cores do help: compare two sizes.",
    fix="Make the pool as wide as the cores: the same load, with shorter jobs and a loop that is not delayed.",
    setting=lambda signals: Setting(of=signals.first or "", name="capacity", value=max(1, int(signals.cores or 1))),
    measure="beside_p50",
)
