"""The figures that rules decide by, read from an examination. None: it was not seen, so a rule that needs it cannot tell.

``calm`` figures are at about a third of the load, ``full`` ones at the highest rate of the ramp, ``rest`` without load.
Causes in the loop are judged by calm figures: under too much load passes batch the work of many requests, and every one
of them is long.
"""

from __future__ import annotations

from dataclasses import dataclass

from .onset import ACCEPT_BACKLOG, NONE, RUN_QUEUE, UNSEEN

LOOP, BACKLOG, THREADS, WORKERS, LIMITER, OUTWARDS = "loop", "backlog", "threads", "workers", "limiter", "outwards"
_KINDS = {RUN_QUEUE: LOOP, ACCEPT_BACKLOG: BACKLOG, NONE: NONE, UNSEEN: UNSEEN}
_KINDS |= dict.fromkeys(("default_limiter", "default_executor"), LIMITER)
_PROCESSES = ("worker_pool", "ProcessPoolExecutor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """Loads are requests per second, times seconds, ``cpu`` figures cores, delays seconds per second.

    ``kind`` is what sort of queue the first one is. ``loop_delay`` is the share of time in which the loop's thread waited for
    a CPU. ``gil_wait`` is that in which the loop was in a pass, and neither ran nor waited for a CPU, ``gil_stalls`` that of
    long passes for which the GIL is to blame. ``jobs_cpu`` is what all but the loop's thread used or waited for, without what
    child processes waited. ``stall_coroutines`` is in how many coroutines long passes were, 1 if always in the same.
    ``decline`` is that of the replies under too much load.
    """

    first: str | None = None
    kind: str | None = None
    service_ratio: float | None = None
    capacity: int | None = None
    bounded: bool | None = None
    waiting_full: float | None = None
    saturation: float | None = None
    service_time: float | None = None
    concurrency: float | None = None
    decline: float | None = None
    failed_share: float | None = None
    cores: float | None = None
    loop_rest: float | None = None
    loop_calm: float | None = None
    loop_full: float | None = None
    pass_p50: float | None = None
    long_pass: float | None = None
    passes_per_request: float | None = None
    cpu_full: float | None = None
    run_delay_full: float | None = None
    jobs_cpu: float | None = None
    loop_delay: float | None = None
    gil_wait: float | None = None
    gil_stalls: float | None = None
    throttled: float | None = None
    stolen: float | None = None
    gc_share: float | None = None
    descriptors_share: float | None = None
    backlog_share: float | None = None
    stall_cause: str | None = None
    stall_share: float | None = None
    stall_awaits: float | None = None
    stall_coroutines: float | None = None
    stall_where: str | None = None
    stall_mean: float | None = None
    probe_ratio: float | None = None
    free_cores: float | None = None
    generator_limited: bool = False
    grows: bool | None = None

    @property
    def spare_cores(self) -> float:
        """Cores that the service could use: those that it does not use, unless other programs do."""
        own = (self.cores or 0.0) - (self.cpu_full or 0.0)
        return own if self.free_cores is None else min(own, self.free_cores)


def kind_of(name: str | None) -> str | None:
    """The sort of queue that has this name. A gate of the program's own counts as a pool of threads: in both, jobs wait
    or compute outside the loop."""
    if name is None or name in _KINDS:
        return None if name is None else _KINDS[name]
    if name.startswith("outward."):
        return OUTWARDS
    return WORKERS if name.startswith(_PROCESSES) else THREADS
