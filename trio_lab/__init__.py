"""trio_lab finds the queue that fills first in an async service.

Importing this package imports nothing else: worker children import it too, and they must start fast and without Trio. Each
public name below is imported from its module when it is first used. `__init__.pyi` says the same to type checkers.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "admission.by_patience": ("ByPatience",),
    "admission.classes": ("Share",),
    "admission.disciplines": ("AdaptiveLifo", "ByPriority", "CoDel", "Discipline", "FairShare", "Fifo", "Lifo"),
    "admission.gate": ("Place",),
    "admission.on_trio": ("Bulkhead",),
    "database.sqlite": ("Sqlite", "SqliteConnection"),
    "errors": (
        "BrokenWorkerError",
        "JobError",
        "Overloaded",
        "QueueFull",
        "QueueTimeout",
        "RestartLimitReached",
        "RunTimeout",
        "Shed",
        "Unreachable",
    ),
    "jobs.contract": ("NewJob",),
    "jobs.functions": ("JobFailed", "JobFunctions"),
    "jobs.opening": ("open_jobs",),
    "jobs.progress": ("job_progress",),
    "jobs.sqlite": ("SqliteJobs", "open_sqlite_jobs"),
    "jobs.work": ("JobWorker", "open_job_worker"),
    "live.open_live": ("open_live",),
    "loop.loop_time": ("LoopStatistics", "PassWindow"),
    "loop.observe": ("observe",),
    "loop.passes": ("PassMonitor", "open_pass_monitor"),
    "loop.stalls": ("Stall", "StallGroup"),
    "measure.outward": ("Outward", "outward"),
    "loop.watch": ("Watch", "WatchStatistics"),
    "loop.working_on": ("WORKING_ON",),
    "pools.connections": ("ConnectionPool", "open_connection_pool"),
    "pools.limits": ("PoolLimits",),
    "pools.native": ("NativePool", "open_native_pool"),
    "pools.restart": ("RestartPolicy",),
    "pools.workers": ("WorkerPool", "open_worker_pool"),
    "records.queue": ("Queue", "QueueStatistics"),
    "records.summary": ("Summary",),
    "slices": ("chunked", "time_sliced"),
}
_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)
    return value
