"""Metrics of the process: CPU, memory against its limit, descriptors, garbage, workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...records.health import Process, Usage
from ...records.totals import GarbageTotals
from .metric import Metric, Sample, Seen, counter, gauge


def _used(figure: Callable[[Usage], float | None]) -> Callable[[Seen], float | None]:
    return lambda seen: None if seen.health.usage is None else figure(seen.health.usage)


def _held(figure: Callable[[Process], float | None]) -> Callable[[Seen], float | None]:
    return lambda seen: None if seen.health.process is None else figure(seen.health.process)


def _garbage(name: str, says: str, count: Callable[[GarbageTotals], int]) -> Metric:
    def read(seen: Seen) -> Iterable[Sample]:
        generations = () if seen.totals is None else seen.totals.garbage
        return [((str(number),), count(generation)) for number, generation in enumerate(generations)]

    return Metric(name=f"python_gc_{name}_total", kind="counter", says=says, labels=("generation",), read=read)


METRICS = (
    counter(
        "process_cpu_seconds_total",
        "CPU time of all threads of the process since it was watched.",
        _used(lambda u: u.cpu),
    ),
    counter(
        "trio_lab_children_cpu_seconds_total",
        "CPU time of its child processes, workers among them.",
        _used(lambda u: u.children_cpu),
    ),
    counter(
        "trio_lab_run_delay_seconds_total",
        "Time in which its threads could run and had no CPU, all together.",
        _used(lambda u: u.run_delay),
    ),
    counter(
        "trio_lab_throttled_seconds_total",
        "Time for which a CPU quota stopped the threads of its cgroup.",
        _used(lambda u: u.throttled),
    ),
    counter(
        "trio_lab_stolen_seconds_total", "Time for which the host took the machine's cores.", _used(lambda u: u.stolen)
    ),
    gauge("trio_lab_cores", "Cores that it may use.", _used(lambda u: u.cores)),
    gauge("process_resident_memory_bytes", "Resident memory of the process.", _used(lambda u: u.memory)),
    gauge("trio_lab_memory_bytes", "Resident memory of the process and its children.", _held(lambda p: p.memory)),
    gauge(
        "trio_lab_memory_limit_bytes",
        "Memory that they may use: the machine's, or what the cgroup allows.",
        _held(lambda p: p.memory_limit),
    ),
    gauge("process_open_fds", "Open file descriptors.", _held(lambda p: p.descriptors)),
    gauge("process_max_fds", "File descriptors that may be open.", _used(lambda u: u.max_descriptors)),
    counter("python_gc_seconds_total", "Time of collections of cyclic garbage.", _used(lambda u: u.gc)),
    _garbage("collections", "Collections of cyclic garbage.", lambda one: one.collections),
    _garbage("objects_collected", "Objects that collections have freed.", lambda one: one.collected),
    _garbage("objects_uncollectable", "Objects that collections could not free.", lambda one: one.uncollectable),
    gauge("trio_lab_threads", "Threads of the native pool.", lambda seen: seen.health.native_pool.threads),
    gauge(
        "trio_lab_threads_busy", "Threads of the native pool that run a job.", lambda seen: seen.health.native_pool.busy
    ),
    gauge(
        "trio_lab_threads_abandoned",
        "Threads that still run although their callers have left.",
        lambda seen: seen.health.native_pool.abandoned,
    ),
    gauge("trio_lab_workers", "Worker processes of all pools.", lambda seen: seen.health.pool.workers),
    gauge("trio_lab_workers_busy", "Worker processes that run a job.", lambda seen: seen.health.pool.busy),
    gauge("trio_lab_processes", "Processes of the server that serve, if it has several.", lambda seen: seen.serving),
    counter(
        "trio_lab_process_restarts_total",
        "Processes of the server that were started in place of one that had ended unasked.",
        lambda seen: seen.restarts,
    ),
    counter(
        "trio_lab_worker_restarts_total",
        "Worker processes that were started in place of one that had died.",
        lambda seen: seen.health.pool.restarts,
    ),
)
