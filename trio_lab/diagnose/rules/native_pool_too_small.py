"""Threads that wait, and too few of them."""

from __future__ import annotations

from ...records.diagnosis import Setting
from ..rule import NATIVE_POOL, Rule
from ..signals import THREADS, Signals

_FLAT = 1.5  # times the service time without load
_FREE = 0.4  # cores that are left
_COMPUTES = 0.5  # cores that a place wants, which it has or waits for: beyond, its jobs compute rather than wait
_IDLE = 0.7  # of the loop
_TIMES = 2  # as many places, to begin with


def _holds(signals: Signals) -> bool:
    flat = (signals.service_ratio or 0.0) <= _FLAT
    free = (signals.cores or 0.0) - (signals.cpu_full or 0.0) >= _FREE
    waits = (signals.jobs_cpu or 0.0) < _COMPUTES * (signals.capacity or 1)
    return flat and free and waits and (signals.loop_full or 0.0) < _IDLE


RULE = Rule(
    id="native_pool_too_small",
    step=NATIVE_POOL,
    kinds=(THREADS,),
    needs=("service_ratio", "cpu_full", "jobs_cpu", "cores", "capacity", "loop_full"),
    holds=_holds,
    because=lambda signals: (
        f"{signals.first} serves as fast as without load, and the service uses {signals.cpu_full:.1f} of "
        f"{signals.cores:g} cores, so its jobs wait; callers queue for one of its {signals.capacity} places"
    ),
    figures=("concurrency", "saturation"),
    doubt="If twice as many places bring no more replies, the work has a limit of its own behind the pool: a lock, a server.",
    fix="Give the pool more places; the load that it bears grows with them.",
    setting=lambda signals: Setting(of=signals.first or "", name="capacity", value=_TIMES * (signals.capacity or 1)),
)
