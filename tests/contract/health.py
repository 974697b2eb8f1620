"""The shape of /health, and of the one record that every queue reports."""

from __future__ import annotations

from typing import Any

from trio_lab.config import Config

from .shapes import COUNT, NOT_OBSERVED, NUMBER, SHARE, TEXT, Both, Each, First, Is, Shape, or_not_observed
from .subjects import THREADS, WORKERS, Subject

POOL = {"workers": WORKERS, "busy": COUNT, "queued": COUNT, "restarts": COUNT}
NATIVE_POOL = {"threads": THREADS, "busy": COUNT, "abandoned": COUNT, "queued": COUNT}

USAGE = (
    dict.fromkeys(("elapsed_s", "cpu_s", "loop_cpu_s", "children_cpu_s", "gc_s", "cores"), NUMBER)
    | dict.fromkeys(
        ("run_delay_s", "loop_run_delay_s", "throttled_s", "stolen_s"),
        Is("a number or null", lambda value: value is None or value >= 0),
    )
    | dict.fromkeys(("descriptors", "max_descriptors", "memory"), COUNT)
)

SUMMARY = {"count": COUNT} | dict.fromkeys(("mean", "p50", "p90", "p99", "p99_9", "max"), NUMBER)
_ENTERED = ("arrivals", "completions", "rejected", "timed_out", "cancelled")
_BALANCED = Is(
    "a queue whose arrivals were served or refused, have left, or are still there",
    lambda queue: queue["arrivals"] == sum(queue[name] for name in (*_ENTERED[1:], "in_service", "waiting")),
)

# On trio and asyncio every pass of the loop is timed. Node has no hook between two passes, and says so.
_EVERY_PASS = dict.fromkeys(("mean_ms", "p50_ms", "p99_ms", "max_ms", "delay_p99_ms"), NUMBER) | {
    "utilization": SHARE,
    "passes": COUNT,
    "blind": None,
}
_BY_TIMER = {name: or_not_observed(shape) for name, shape in _EVERY_PASS.items() if shape} | {"blind": TEXT}


def health(subject: Subject) -> Shape:
    admits = subject.runtime != "node" and subject.profile == "guarded"
    queues = [
        _elsewhere("accept_backlog", subject, waiting=COUNT, max_waiting=COUNT),
        _elsewhere("run_queue", subject, capacity=1, completions=COUNT, utilization=NUMBER, service_ms=SUMMARY),
        *([_pool("admission", 1000, 1000, subject)] if admits else []),
        _pool("native_pool", THREADS, Config().max_queue, subject),
        _pool("worker_pool", WORKERS, Config().max_queue, subject),
        _elsewhere("default_limiter", subject, in_service=COUNT, waiting=COUNT),
    ]
    return {
        "runtime": subject.runtime,
        "eventLoopMeanMs": COUNT,
        "eventLoopMaxMs": COUNT,
        "uvThreadpoolSize": THREADS,
        "pool": POOL,
        "nativePool": NATIVE_POOL,
        "loop": _BY_TIMER if subject.runtime == "node" else _EVERY_PASS,
        "profile": subject.profile,
        "process": dict.fromkeys(("memory_bytes", "memory_limit_bytes", "descriptors", "pid"), COUNT),
        "queues": First(queues, _USED) if subject.has("/jobs") else queues,
        "scaling": [],
        **({} if subject.runtime == "node" else {"usage": USAGE}),
    }


def _record(name: Shape, **known: Shape) -> dict[str, Shape]:
    """Every key of a queue's record; what is not ``known`` may be a number or not observed."""
    state = ("capacity", "in_service", "waiting", "max_waiting", "peak_waiting", *_ENTERED)
    times = dict.fromkeys(
        ("wait_ms", "service_ms"), or_not_observed(Is("times", lambda value: isinstance(value, dict)))
    )
    free = dict.fromkeys(state, or_not_observed(COUNT)) | {"utilization": or_not_observed(NUMBER)} | times
    return {"name": name} | free | known


# The queues of the routes /db and /jobs are there once one of these has been used.
_USED = _record(
    Is("database or jobs", lambda value: value in ("database", "jobs")),
    kinds=Is("an array", lambda value: isinstance(value, list)),
)


def _elsewhere(name: str, subject: Subject, **on_python: Shape) -> Shape:
    """A queue that is the system's or the runtime's, of which each runtime sees what it can: Python on both loops the same."""
    return _record(name, kinds=[], **(on_python if subject.watches else {}))


def _pool(name: str, capacity: int, max_waiting: int, subject: Subject) -> Shape:
    """A queue that is the server's own: it knows all about it."""
    counts: dict[str, Any] = dict.fromkeys(("in_service", "waiting", "peak_waiting", *_ENTERED), COUNT)
    known = counts | {
        "capacity": capacity,
        "max_waiting": max_waiting if subject.profile == "guarded" else NOT_OBSERVED,
        "utilization": SHARE,
        "wait_ms": SUMMARY,
        "service_ms": SUMMARY,
    }
    kind = _record(Is(f"{name}.<kind>", lambda value: str(value).startswith(f"{name}.")), **known)
    return Both(_record(name, **known, kinds=Each(kind)), _BALANCED)
