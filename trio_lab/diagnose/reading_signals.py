"""How the figures that rules decide by are read from an examination."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean, median

from ..records.examination import Examination, Step
from ..records.health import Health, Usage
from ..records.queue import QueueStatistics
from .alone import concurrency, replies, service_time
from .costly_stall import awaits_of_stalls, coroutines_of_stalls, costly_stall, where
from .growth import loop_busy, offered_growth, quiet_steps, rate_of, utilization, within
from .onset import ACCEPT_BACKLOG, NONE, RUN_QUEUE, UNSEEN, first_to_fill, probe_waits
from .saturation import Saturation, last_rounds, saturation
from .signals import Signals, kind_of

_UNANSWERED = 0.08  # of the offered rate
_GIL = "gil"  # the cause of stalls in which another thread had the GIL


def signals(examination: Examination) -> Signals:
    """The figures that an examination has."""
    first = first_to_fill(examination)
    found = saturation(examination.steps, concurrency=concurrency(examination))
    rest, calm = list(examination.of("rest")), list(examination.of("calm"))
    quiet = quiet_steps(examination)
    full = [one[max(one)] for one in last_rounds(examination.steps)]
    name = first.name or _by_probe(quiet, full)
    queue = _queue(full, name)
    stall = costly_stall(calm)
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
        stall_awaits=awaits_of_stalls(calm) if stall else None,
        stall_coroutines=coroutines_of_stalls(calm) if stall else None,
        stall_where=where(stall) if stall and stall.filename else None,
        stall_mean=stall.total / stall.count if stall and stall.count else None,
        probe_ratio=_probe_ratio(quiet, full),
        free_cores=_mean(full, lambda step: step.free_cores),
        generator_limited=2 * sum(map(_not_sent, full)) > len(full),
        grows=None if not full or first.name is None else first.name != NONE,
    )


def _little(found: Saturation | None, examination: Examination) -> float | None:
    alone = service_time(examination)
    return found.load * alone if found and alone else None


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
    rate = _mean(alone, replies)
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
