"""What `/health` says: a lab's state as plain values. Times in milliseconds, as the contract has them."""

from __future__ import annotations

from typing import Any

import trio

from .lab import Lab

_DECISIONS = 20  # of each autoscaler: ten seconds


def health(lab: Lab, *, reset: bool) -> dict[str, Any]:
    """The sources' keys, and the exact measures beside them. With ``reset`` the measured window begins anew here."""
    timer = lab.timer.read(reset=reset)
    return {
        "runtime": "trio",
        "eventLoopMeanMs": round(timer.mean * 1e3),
        "eventLoopMaxMs": round(timer.max * 1e3),
        "uvThreadpoolSize": lab.native_pool.size,
        "pool": pool(lab),
        "nativePool": native_pool(lab),
        "loop": lab.window.read(reset=reset).as_json(),
        "profile": lab.config.profile,
        "queues": [
            queue.as_json() | {"kinds": [kind.as_json() for kind in kinds]} for queue, kinds in lab.queues_by_kind()
        ],
        "scaling": scaling(lab),
    }


def pool(lab: Lab) -> dict[str, Any]:
    """The worker pools together in the sources' words, and what they lack."""
    pools = lab.worker_pools
    return {
        "workers": sum(pool.size for pool in pools),
        "busy": sum(pool.busy for pool in pools),
        "queued": sum(pool.waiting for pool in pools),
        "restarts": sum(pool.restarts for pool in pools),
    }


def native_pool(lab: Lab) -> dict[str, Any]:
    """The native pool in the same words. Abandoned threads are among the busy ones."""
    pool = lab.native_pool
    return {"threads": pool.size, "busy": pool.busy, "abandoned": pool.abandoned, "queued": pool.waiting}


def scaling(lab: Lab) -> list[dict[str, Any]]:
    """The last decisions of the autoscalers, oldest first; none when nothing scales."""
    now = trio.current_time()
    recent = [decision for autoscaler in lab.autoscalers for decision in autoscaler.decisions[-_DECISIONS:]]
    return [decision.as_json(now) for decision in sorted(recent, key=lambda decision: decision.at)]
