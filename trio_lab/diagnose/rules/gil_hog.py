"""Python code that computes in threads holds the GIL, and the loop waits for it."""

from __future__ import annotations

from ...records.diagnosis import Setting
from ..rule import WORKERS, Rule
from ..signals import LIMITER, LOOP, THREADS, Signals

_WAITS = 0.1  # of the time
_STALLS, _FEW = 0.25, 3.0  # of the time; cores that the jobs want
_ONE_CORE = 1.3  # cores: no more than one runs Python at a time
_MUCH = 0.7  # cores that the service used, or waited for: it computes all the time


def _holds(signals: Signals) -> bool:
    idle = (signals.cores or 0.0) >= 2 and (signals.cpu_full or 0.0) <= _ONE_CORE
    wanted = (signals.cpu_full or 0.0) + (signals.run_delay_full or 0.0)
    # Threads that compute outside of the GIL want a core each. On a crowded machine they too hold it for long at times.
    one_at_a_time = (signals.jobs_cpu or 0.0) <= _FEW
    stalls = (signals.gil_stalls or 0.0) >= _STALLS and one_at_a_time
    return ((signals.gil_wait or 0.0) >= _WAITS or stalls) and idle and wanted >= _MUCH


def _because(signals: Signals) -> str:
    waited = max(signals.gil_wait or 0.0, signals.gil_stalls or 0.0)
    used = f"the service used {signals.cpu_full:.1f} of {signals.cores:g} cores"
    return f"the loop waited for the GIL for {waited:.0%} of the time, while {used}"


RULE = Rule(
    id="gil_hog",
    step=WORKERS,
    kinds=(THREADS, LIMITER, LOOP),
    needs=("gil_wait", "cpu_full", "cores"),
    holds=_holds,
    because=_because,
    figures=("gil_stalls", "jobs_cpu", "service_ratio", "loop_full", "run_delay_full"),
    doubt="If the threads spend their time in C code that releases the GIL, all cores would be in use.",
    fix="Move the Python code that computes from threads to worker processes.",
    setting=lambda signals: Setting(of=signals.first or "", name="offload"),
    measure="beside_p50",
)
