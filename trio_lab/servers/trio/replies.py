"""What `/health` says: a lab's state as plain values. Times in milliseconds, as the contract has them."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import trio

from ...loop.stalls import Stall
from ...measure.ledger import Ledgers
from ...records.health import Health, ScalingDecision, ThreadCounts, WorkerCounts
from .lab import Lab

_DECISIONS = 20  # of each autoscaler: ten seconds
_STALLS = 50  # the last ones, each by itself


def health(lab: Lab, *, reset: bool) -> Health:
    """The lab now. With ``reset`` the measured window begins anew here."""
    timer = lab.timer.read(reset=reset)
    threads = lab.native_pool
    return Health(
        runtime="trio",
        event_loop_mean_ms=round(timer.mean * 1e3),
        event_loop_max_ms=round(timer.max * 1e3),
        threads=threads.size,
        pool=worker_counts(lab),
        native_pool=ThreadCounts(
            threads=threads.size, busy=threads.busy, abandoned=threads.abandoned, queued=threads.waiting
        ),
        loop=lab.window.read(reset=reset).record(),
        profile=lab.config.profile,
        queues=lab.queues(),
        scaling=scaling(lab),
    )


def worker_counts(lab: Lab) -> WorkerCounts:
    pools = lab.worker_pools
    return WorkerCounts(
        workers=sum(pool.size for pool in pools),
        busy=sum(pool.busy for pool in pools),
        queued=sum(pool.waiting for pool in pools),
        restarts=sum(pool.restarts for pool in pools),
    )


def scaling(lab: Lab) -> tuple[ScalingDecision, ...]:
    """The last decisions of the autoscalers, oldest first; none when nothing scales."""
    now = trio.current_time()
    recent = [decision for autoscaler in lab.autoscalers for decision in autoscaler.decisions[-_DECISIONS:]]
    return tuple(decision.record(now) for decision in sorted(recent, key=lambda decision: decision.at))


def ledger(ledgers: Ledgers, *, reset: bool) -> dict[str, Any]:
    """Where the time of each route's requests went; with ``reset`` the measured window begins anew here."""
    return {"routes": [route.as_json() for route in ledgers.read(reset=reset)]}


def stalls(lab: Lab) -> dict[str, Any]:
    """Passes over the budget since the lab was opened: by line and cause, and the last ones, the newest first."""
    watch = lab.watch
    rows = [
        {
            "file": row.filename,
            "line": row.lineno,
            "function": row.function,
            "cause": row.cause,
            "count": row.count,
            "total_ms": _ms(row.total),
            "longest_ms": _ms(row.longest),
            "samples": row.samples,
        }
        for row in watch.table()
    ]
    now = perf_counter()
    last = [_stall(stall, now) for stall in reversed(watch.stalls()[-_STALLS:])]
    return {"budget_ms": _ms(watch.budget), "blind": watch.blind, "count": watch.count, "table": rows, "last": last}


def _stall(stall: Stall, now: float) -> dict[str, Any]:
    """What was not seen is null."""
    return {
        "duration_ms": _ms(stall.duration),
        "ago_ms": _ms(now - stall.began - stall.duration),
        "cause": stall.cause,
        "file": stall.filename or None,
        "line": stall.lineno or None,
        "function": stall.function or None,
        "task": stall.task_name or None,
        "path": stall.path,
        "label": stall.label,
        "samples": stall.samples,
        "share": round(stall.share, 4),
        "top": [{"task": name, "ms": _ms(seconds)} for name, seconds in stall.top],
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 3)
