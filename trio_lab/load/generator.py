"""The load generator: one Trio task that keeps every connection busy, or on schedule, and counts what came of it.

Its loop has three steps: handle what is ready, do what is due, wait. `clients` decides, `poller` waits, `tally` counts.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from contextlib import closing

import trio

from trio_lab.errors import UsageError
from trio_lab.load.clients import Clients
from trio_lab.load.opened import OpenClients
from trio_lab.load.parts import stage_name
from trio_lab.load.plan import LoadPlan
from trio_lab.load.poller import Events, Poller
from trio_lab.load.results import LoadRun, Progress, find_bottleneck
from trio_lab.load.returning import ReturningClients, clients_of, retries_of
from trio_lab.load.target import choose, resolve_plan, targets_of
from trio_lab.measure.descriptors import room_for
from trio_lab.records.load import Generator, Latencies, LoadResult
from trio_lab.records.summary import Summary

_CONNECT_FIRST = 1.0  # seconds that the run waits for its connections before the clock starts
_REACH_WITHIN = 5.0  # seconds after which a run ends in which no connection was made
_AFTER_STOP = 1.0  # seconds that replies are waited for when the run was stopped
_LONGEST_WAIT = 0.1  # seconds between two looks at the stop event
_SPARE_DESCRIPTORS = 64


async def run_load(
    plan: LoadPlan,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    stop: trio.Event | None = None,
) -> LoadRun:
    """Put the load of ``plan`` on its target and return what was seen.

    At the end of the duration nothing new is due. What was due by then is sent, and what is in flight is waited for, as
    long as its client would wait. A run that reaches no server ends early: at once if every connection is refused.

    ``on_progress`` is called when each interval has ended, in this task: it must be quick. ``stop`` ends the run early,
    with the figures there are by then; cancelling ends it without a result. Either way every socket is closed. Raise
    `UsageError` when the target may not or cannot be loaded.
    """
    targets = targets_of(plan)
    addresses = await resolve_plan(plan, targets[0])
    _check_descriptors(plan.connections)
    address = await choose(addresses)
    with closing(Poller()) as poller, closing(clients_of(plan)(plan, targets, address, poller)) as clients:
        await _connect_first(clients, poller)
        hopeless = not clients.reached and not clients.connecting
        wall, cpu = time.perf_counter(), time.thread_time()
        clients.start(wall)
        if hopeless:
            clients.try_once(wall)
        await _turn(clients, poller, plan, on_progress, stop)
        wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
        return _run(plan, clients, cpu_share=cpu / wall)


def _check_descriptors(connections: int) -> None:
    needed = connections + len(os.listdir("/proc/self/fd")) + _SPARE_DESCRIPTORS
    limit = room_for(needed)
    if needed > limit:
        raise UsageError(
            f"connections={connections} needs {needed} file descriptors, the limit is {limit}: ulimit -n {needed}"
        )


async def _connect_first(clients: Clients, poller: Poller) -> None:
    """Connect before the clock starts: the first requests then measure the server, not a storm of handshakes.

    A connection that is not made in time starts nevertheless; what that costs is part of a latency, or an error.
    """
    limit = time.perf_counter() + _CONNECT_FIRST
    clients.connect()
    while clients.connecting and (now := time.perf_counter()) < limit:
        clients.handle(await poller.wait(now, limit, exact=False))


async def _turn(
    clients: Clients,
    poller: Poller,
    plan: LoadPlan,
    on_progress: Callable[[Progress], None] | None,
    stop: trio.Event | None,
) -> None:
    poll, clock, tally = poller.poll, time.perf_counter, clients.tally
    give_up = math.inf  # when replies are no longer waited for, in a run that was stopped
    reach_by = tally.start + _REACH_WITHIN
    reported = 0
    ready: Events = []
    while True:
        if ready:
            clients.handle(ready)
        now = clock()
        if stop is not None and stop.is_set() and give_up == math.inf:
            clients.stop(now)
            give_up = now + min(plan.patience, _AFTER_STOP)
        clients.tick(now)
        if len(tally.rows) > reported:
            reported = len(tally.rows)
            if on_progress is not None:
                on_progress(_progress(plan, clients, now))
        if not clients.reached and now >= reach_by:
            give_up = now
        if clients.done or now >= give_up:
            clients.stop(now)
            return
        if now >= poller.yield_at:
            await poller.yield_now()
        ready = poll(0)
        if not ready:
            moment, exact = clients.next_moment()
            now = clock()
            until = min(moment, give_up, now + _LONGEST_WAIT)
            ready = await poller.wait(now, until, exact=exact and until == moment)


def _progress(plan: LoadPlan, clients: Clients, now: float) -> Progress:
    tally = clients.tally
    return Progress(
        elapsed=now - tally.start,
        duration=plan.span,
        counts=tally.counts(),
        status=tally.statuses(),
        last=tally.rows[-1],
        backlog=clients.backlog(now),
    )


def _run(plan: LoadPlan, clients: Clients, *, cpu_share: float) -> LoadRun:
    tally, parts = clients.tally, clients.parts
    abandoned = clients.abandon(time.perf_counter())
    series = tally.finish()
    inside = tally.inside or tally.counts()
    duration = tally.end - tally.start
    latency, service = tally.with_unanswered()
    result = LoadResult(
        url=plan.url,
        mode="open" if plan.schedule else "closed",
        connections=plan.connections,
        duration=duration,
        requests=tally.counts(),
        throughput=inside.completed / duration if duration else 0.0,
        goodput=inside.ok / duration if duration else 0.0,
        latency=Latencies.of(latency.summary()),
        status=tally.statuses(),
        offered=plan.mean_rate,
        service=Latencies.of(service.summary()),
        shed=Latencies.of(tally.shed.summary()),
        error_kinds=dict(sorted(tally.error_kinds.items())),
        series=series,
        generator=_generator(clients, latency.summary(), cpu_share=cpu_share, abandoned=abandoned),
        unanswered=tally.unanswered.count,
        behind=(clients.behind or 0) if isinstance(clients, OpenClients) else 0,
        samples=tuple(tally.samples.pairs) if tally.samples is not None else None,
        by_status={status: Latencies.of(found.summary()) for status, found in tally.by_status().items()},
        urls=parts.of_urls([url for url, _ in plan.mix]) if parts else None,
        stages=parts.of_stages([stage_name(stage) for stage in plan.stages]) if parts else None,
        retries=retries_of(clients),
        unserved=clients.unserved if isinstance(clients, ReturningClients) else None,
    )
    return LoadRun(
        result=result,
        latency=latency,
        service=service,
        shed=tally.shed,
        inside=inside,
        slices=tuple(tally.slices.histograms),
        reached=clients.reached,
    )


def _generator(clients: Clients, latency: Summary, *, cpu_share: float, abandoned: int) -> Generator:
    """How the generator itself fared. Without a connection the run lasted a moment, so its share of a core says nothing."""
    cpu_share = cpu_share if clients.reached else 0.0
    late_p99 = clients.lateness.quantile(0.99) if isinstance(clients, OpenClients) else None
    return Generator(
        cpu_share=cpu_share,
        late_p99=late_p99,
        bottleneck=find_bottleneck(
            cpu_share=cpu_share, late_p99=late_p99, latency=latency, error_kinds=clients.tally.error_kinds
        ),
        reconnects=clients.reconnects,
        abandoned=abandoned,
    )
