"""Threads that wait, and too few of them."""

from __future__ import annotations

from ..rule import NATIVE_POOL, Rule
from ..signals import THREADS, Signals

_FLAT = 1.5  # times the service time without load
_FREE = 0.4  # cores that are left; the load generator may use some
_IDLE = 0.7  # of the loop


def _holds(signals: Signals) -> bool:
    flat = (signals.service_ratio or 0.0) <= _FLAT
    free = signals.spare_cores >= _FREE
    return flat and free and (signals.loop_full or 0.0) < _IDLE


RULE = Rule(
    id="native_pool_too_small",
    step=NATIVE_POOL,
    kinds=(THREADS,),
    needs=("service_ratio", "cpu_full", "cores", "loop_full"),
    holds=_holds,
    because=lambda signals: (
        f"{signals.first} serves as fast as without load, so its work waits; callers queue for one of its "
        f"{signals.capacity or 'few'} places while {signals.spare_cores:.1f} cores are free"
    ),
    figures=("free_cores", "capacity", "concurrency", "saturation", "run_delay_full"),
    doubt="If twice as many places bring no more replies, the work has a limit of its own behind the pool: a lock, a server.",
    fix="Give the pool more places; the load that it bears grows with them.",
)
