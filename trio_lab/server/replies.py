"""What `/health` says: a lab's state as plain values. Times in milliseconds, as the contract has them."""

from __future__ import annotations

from typing import Any

from .lab import Lab


def health(lab: Lab, *, reset: bool) -> dict[str, Any]:
    """The sources' keys, and the exact measures beside them. With ``reset`` the measured window begins anew here."""
    timer = lab.timer.read(reset=reset)
    loop = lab.window.read(reset=reset)
    passes = loop.passes
    return {
        "runtime": "trio",
        "eventLoopMeanMs": round(timer.mean * 1e3),
        "eventLoopMaxMs": round(timer.max * 1e3),
        "uvThreadpoolSize": lab.native_pool.size,
        "pool": pool(lab),
        "loop": {
            "mean_ms": round(passes.mean * 1e3, 4),
            "p50_ms": round(passes.p50 * 1e3, 4),
            "p99_ms": round(passes.p99 * 1e3, 4),
            "max_ms": round(passes.max * 1e3, 4),
            "utilization": round(loop.utilization, 4),
            "passes": passes.count,
            "blind": loop.blind,
        },
        "profile": lab.config.profile,
        "queues": [queue.as_json() for queue in lab.queues()],
    }


def pool(lab: Lab) -> dict[str, Any]:
    """The worker pool in the sources' words, and what they lack."""
    queue = lab.worker_pool.statistics()
    return {
        "workers": lab.worker_pool.size,
        "busy": queue.in_service,
        "queued": queue.waiting,
        "restarts": lab.worker_pool.restarts,
    }
