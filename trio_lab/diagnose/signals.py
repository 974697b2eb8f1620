"""The figures that rules decide by, read from an examination. None: it was not seen, so a rule that needs it cannot tell.

``calm`` figures are at about a third of the load, ``full`` ones at the highest rate of the ramp, ``rest`` without load.
Causes in the loop are judged by calm figures: under too much load passes batch the work of many requests, and every one
of them is long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

from ..records.examination import Examination, Step
from ..records.health import Health, StallFigures, Usage
from ..records.queue import QueueStatistics
from .growth import loop_busy, offered_growth, quiet_steps, rate_of, utilization, within
from .onset import ACCEPT_BACKLOG, NONE, RUN_QUEUE, UNSEEN, first_to_fill, probe_waits
from .saturation import Saturation, last_rounds, saturation

LOOP, BACKLOG, THREADS, WORKERS, LIMITER, OUTWARDS = "loop", "backlog", "threads", "workers", "limiter", "outwards"
_KINDS = {RUN_QUEUE: LOOP, ACCEPT_BACKLOG: BACKLOG, NONE: NONE, UNSEEN: UNSEEN}
_KINDS |= dict.fromkeys(("default_limiter", "default_executor"), LIMITER)
_PROCESSES = ("worker_pool", "ProcessPoolExecutor")
_UNANSWERED = 0.08  # of the offered rate
_LITTLE = 0.25  # of the time for which the loop was busy: other programs make some passes long
_GIL = "gil"  # the cause of stalls in which another thread had the GIL
_MACHINE = "not running"  # the cause of stalls in which the process had no CPU


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """Loads are requests per second, times seconds, ``cpu`` figures cores, delays seconds per second.

    ``kind`` is what sort of queue the first one is. ``loop_delay`` is the share of time in which the loop's thread waited for
    a CPU. ``gil_wait`` is that in which the loop was in a pass, and neither ran nor waited for a CPU, ``gil_stalls`` that of
    long passes for which the GIL is to blame. ``jobs_cpu`` is what all but the loop's thread used or waited for, without what
    child processes waited. ``decline`` is that of the replies under too much load.
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


def signals(examination: Examination) -> Signals:
    """The figures that an examination has."""
    first = first_to_fill(examination)
    found = saturation(examination.steps, concurrency=concurrency(examination))
    rest, calm = list(examination.of("rest")), list(examination.of("calm"))
    quiet = quiet_steps(examination)
    full = [one[max(one)] for one in last_rounds(examination.steps)]
    name = first.name or _by_probe(quiet, full)
    queue = _queue(full, name)
    stall = _stall(calm)
    alone = list(examination.of("ladder"))[:1]
    growth = first.growth()
    return Signals(
        first=name,
        kind=kind_of(name),
        service_ratio=growth.service_ratio if growth else None,
        capacity=queue.capacity if queue else None,
        bounded=None if queue is None or queue.waiting is None else queue.max_waiting is not None,
        waiting_full=float(queue.waiting) if queue and queue.waiting is not None else None,
        saturation=found.load if found else None,
        service_time=service_time(examination),
        concurrency=_little(found, examination),
        decline=found.decline if found else None,
        failed_share=_failed_share(full),
        cores=_last_usage([*calm, *full], lambda usage: usage.cores),
        loop_rest=_mean(rest, loop_busy),
        loop_calm=_mean(calm, loop_busy),
        loop_full=_mean(full, loop_busy),
        pass_p50=_middle(calm, lambda health: health.loop.p50),
        long_pass=_long_pass(calm),
        passes_per_request=_passes_per_request(rest, alone),
        cpu_full=_spent(full, lambda usage: usage.cpu + (usage.children_cpu or 0.0)),
        run_delay_full=_spent(full, lambda usage: usage.run_delay),
        jobs_cpu=_spent(full, _of_jobs),
        loop_delay=_spent(full, lambda usage: usage.loop_run_delay),
        gil_wait=_gil_wait(full),
        gil_stalls=_mean(full, _gil_stalls),
        throttled=_spent([*calm, *full], lambda usage: usage.throttled),
        stolen=_mean([*calm, *full], _stolen),
        gc_share=_gc_share(calm),
        descriptors_share=_last_usage([*calm, *full], _descriptors),
        backlog_share=_backlog_share(full),
        stall_cause=stall.cause if stall else None,
        stall_share=stall.share if stall else None,
        stall_awaits=_stall_awaits(calm) if stall else None,
        stall_where=_where(stall) if stall and stall.filename else None,
        stall_mean=stall.total / stall.count if stall and stall.count else None,
        probe_ratio=_probe_ratio(quiet, full),
        free_cores=_mean(full, lambda step: step.free_cores),
        generator_limited=2 * sum(map(_not_sent, full)) > len(full),
        grows=None if not full or first.name is None else first.name != NONE,
    )


def kind_of(name: str | None) -> str | None:
    """The sort of queue that has this name. A gate of the program's own counts as a pool of threads: in both, jobs wait
    or compute outside the loop."""
    if name is None or name in _KINDS:
        return None if name is None else _KINDS[name]
    if name.startswith("outward."):
        return OUTWARDS
    return WORKERS if name.startswith(_PROCESSES) else THREADS


def service_time(examination: Examination) -> float | None:
    """Seconds of one request alone: the median of the smallest closed step."""
    alone = [step for step in examination.of("ladder") if step.p50 is not None]
    return min(alone, key=lambda step: step.clients).p50 if alone else None


def concurrency(examination: Examination) -> float:
    """How many requests the service works on at its best, by the ladder (Little's law); at least 1."""
    best = max((_replies(step) for step in examination.of("ladder")), default=0.0)
    return max(1.0, best * (service_time(examination) or 0.0))


def _little(found: Saturation | None, examination: Examination) -> float | None:
    alone = service_time(examination)
    return found.load * alone if found and alone else None


def _replies(step: Step) -> float:
    return sum(piece.ok for piece in step.window(0.0)) / step.duration if step.duration else 0.0


def _by_probe(quiet: Sequence[Step], full: Sequence[Step]) -> str | None:
    """Without a view inside: the loop if a cheap URL waits as well."""
    if not full or _probe_ratio(quiet, full) is None or any(step.sightings for step in full):
        return None
    waits = sum(probe_waits(step, quiet) for step in full)
    return RUN_QUEUE if waits > len(full) / 2 else UNSEEN


def _probe_ratio(quiet: Sequence[Step], full: Sequence[Step]) -> float | None:
    before, after = ([step.probe for step in steps if step.probe] for steps in (quiet, full))
    return median(after) / min(before) if before and after else None


def _not_sent(step: Step) -> bool:
    """Whether the generator reports itself as the bottleneck, and requests were left unanswered. Lateness alone does no
    harm."""
    return step.bottleneck is not None and offered_growth(step) >= _UNANSWERED * (step.rate or 0.0)


def _failed_share(full: Sequence[Step]) -> float | None:
    ended = sum(piece.ok + piece.failed for step in full for piece in step.pieces)
    return sum(piece.failed for step in full for piece in step.pieces) / ended if ended else None


def _healths(steps: Sequence[Step]) -> list[Health]:
    """Of all but the first sighting of each step: its window began before the step."""
    return [seen.health for step in steps for seen in within(step)[1:]]


def _mean(steps: Sequence[Step], figure: Callable[[Step], float | None]) -> float | None:
    seen = [value for step in steps if (value := figure(step)) is not None]
    return fmean(seen) if seen else None


def _middle(steps: Sequence[Step], figure: Callable[[Health], float | None]) -> float | None:
    seen = [value for health in _healths(steps) if (value := figure(health)) is not None]
    return median(seen) if seen else None


def _long_pass(calm: Sequence[Step]) -> float | None:
    """The longest pass that a request meets: the upper quartile of the longest passes, of as many windows as there were
    requests. Where requests are few, most windows have none; where they come in bursts, some have several."""
    longest = [value for health in _healths(calm) if (value := health.loop.max) is not None]
    requests = sum(piece.ok for step in calm for piece in step.pieces)
    met = sorted(longest)[-max(1, requests) :]
    return median(met[len(met) // 2 :]) if met else None


def _passes_per_request(rest: Sequence[Step], alone: Sequence[Step]) -> float | None:
    """Without the passes that the loop has anyway: timers, and the doctor's own samples. Of requests one at a time, because
    one pass serves all that are there together."""
    idle, busy = _passes(rest), _passes(alone)
    rate = _mean(alone, _replies)
    return max(0.0, busy - idle) / rate if idle is not None and busy is not None and rate else None


def _passes(steps: Sequence[Step]) -> float | None:
    """Per second. A sighting tells the passes since the one before."""
    rates = []
    for step in steps:
        seen = within(step)
        counts = [one.health.loop.passes for one in seen[1:]]
        if len(seen) > 1 and seen[-1].at > seen[0].at and None not in counts:
            rates.append(sum(count or 0 for count in counts) / (seen[-1].at - seen[0].at))
    return fmean(rates) if rates else None


def _spent(steps: Sequence[Step], figure: Callable[[Usage], float | None]) -> float | None:
    return _mean(steps, lambda step: rate_of(step, figure))


def _stolen(step: Step) -> float | None:
    """By the service, or by the doctor if both are on one machine."""
    told = rate_of(step, lambda usage: usage.stolen)
    return step.stolen if told is None else told


def _last_usage(steps: Sequence[Step], figure: Callable[[Usage], float | None]) -> float | None:
    usages = [seen.health.usage for step in steps for seen in step.sightings if seen.health.usage is not None]
    return figure(usages[-1]) if usages else None


def _descriptors(usage: Usage) -> float | None:
    return (
        usage.descriptors / usage.max_descriptors if usage.descriptors is not None and usage.max_descriptors else None
    )


def _of_jobs(usage: Usage) -> float | None:
    """What all threads but the loop's, and all child processes, used of the CPU, or could have used if it had been free."""
    if usage.loop_cpu is None or usage.run_delay is None:
        return None
    delayed = usage.run_delay - (usage.loop_run_delay or 0.0)
    return usage.cpu - usage.loop_cpu + (usage.children_cpu or 0.0) + delayed


def _gil_wait(full: Sequence[Step]) -> float | None:
    busy, ran = _mean(full, loop_busy), _spent(full, lambda usage: usage.loop_cpu)
    return None if busy is None or ran is None else max(0.0, busy - ran)


def _gil_stalls(step: Step) -> float | None:
    told = [(one.at, one.health.stalls) for one in step.sightings if one.health.stalls is not None]
    if len(told) < 2 or told[-1][0] <= told[0][0]:
        return None
    before, after = (sum(stall.total for stall in stalls if stall.cause == _GIL) for _, stalls in (told[0], told[-1]))
    return (after - before) / (told[-1][0] - told[0][0])


def _gc_share(calm: Sequence[Step]) -> float | None:
    """Collections as a share of the loop's busy time. A collection stops all threads, also the loop's."""
    spent, busy = _spent(calm, lambda usage: usage.gc), _mean(calm, utilization)
    return None if spent is None or not busy else min(1.0, spent / busy)


def _queue(full: Sequence[Step], name: str | None) -> QueueStatistics | None:
    seen = [queue for step in full for one in within(step)[-1:] for queue in one.health.queues if queue.name == name]
    return seen[-1] if seen else None


def _backlog_share(full: Sequence[Step]) -> float | None:
    """The middle one of all looks: it is full for a moment whenever many clients connect at once."""
    shares = [
        queue.waiting / queue.max_waiting
        for step in full
        for seen in within(step)
        for queue in seen.health.queues
        if queue.name == ACCEPT_BACKLOG and queue.waiting is not None and queue.max_waiting
    ]
    return median(shares) if shares else None


def _stall(calm: Sequence[Step]) -> StallFigures | None:
    """The line and cause that cost most of the calm time. Its cause is "none" if stalls were watched and there were none, or
    they were little of what the loop did; None if they were not watched."""
    before: dict[tuple[str, int, str], StallFigures] = {}
    added: dict[tuple[str, int, str], float] = {}
    watched = False
    for step in calm:
        seen = [one.health.stalls for one in step.sightings if one.health.stalls is not None]
        watched = watched or bool(seen)
        for first, then in pairwise(seen):
            known = {_key(stall): stall.total for stall in first}
            for stall in then:
                if stall.cause == _MACHINE:
                    continue
                key = _key(stall)
                before[key] = stall
                added[key] = added.get(key, 0.0) + stall.total - known.get(key, 0.0)
    costly = max(added, key=added.__getitem__, default=None)
    worked = sum((utilization(step) or 0.0) * step.duration for step in calm)
    if costly is not None and added[costly] > _LITTLE * worked:
        return before[costly]
    none = StallFigures(filename="", lineno=0, function="", cause="none", count=0, total=0.0, longest=0.0)
    return none if watched else None


def _stall_awaits(calm: Sequence[Step]) -> float | None:
    """Of all lines together, by the time that they cost: many awaits have many lines, and each is seen a few times."""
    tables = [one.health.stalls for step in calm for one in step.sightings if one.health.stalls is not None]
    rows = [(stall.total, stall.awaits) for stall in (tables[-1] if tables else ()) if stall.cause != _MACHINE]
    told = [(total, awaits) for total, awaits in rows if awaits is not None]
    spent = sum(total for total, _ in told)
    return sum(total * awaits for total, awaits in told) / spent if spent else None


def _where(stall: StallFigures) -> str:
    task = f", task {stall.task}" if stall.task else ""
    return f"{stall.filename}:{stall.lineno} in {stall.function}{task}"


def _key(stall: StallFigures) -> tuple[str, int, str]:
    return stall.filename, stall.lineno, stall.cause
