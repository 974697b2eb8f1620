"""Rehearsals of a scenario, in the truth lane or in the fast lane, with a log of all that happens."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import Random
from typing import Literal

import trio

from ..admission.choice import chosen
from ..pools.workers import open_pool
from ..records.queue import QueueStatistics
from ..simulate.events import Events
from ..simulate.log import Entry, Log
from ..simulate.made import bring, fast_lane, service_of
from ..simulate.scenario import Scenario
from ..simulate.traffic import Traffic
from .scheduling import run_in_virtual_time
from .truth_lane import EPOCH, BulkheadLane, LaneParts, TruthLane
from .truth_pools import RehearsedPool, ThreadLane, WorkerLane, require_threads, require_workers
from .turns import LAST, TimedTasks, Turns
from .virtual_pool import VirtualOptions

Through = Literal["bulkhead", "threads", "workers"]
"""What requests wait at: a bulkhead, the native pool, or the worker pool."""

Counts = tuple[int, int, int, int, int, int]
Played = tuple[tuple[Counts, ...], QueueStatistics | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """``log`` is all that happened; ``counts`` are those of each workload: came, served, left, refused, failed, wasted.
    ``statistics`` are the gate's; None through a pool of workers, which has no gate."""

    log: tuple[Entry, ...]
    counts: tuple[Counts, ...]
    statistics: QueueStatistics | None = None


def rehearse(scenario: Scenario, through: Through = "bulkhead") -> Rehearsal:
    """Play a scenario in the truth lane, from its beginning until its ``seconds`` are over.

    Raises:
        ValueError: the scenario ends after a number of requests, has crashes or an autoscaler, or cannot be played through a
            pool: see `truth_pools`.
    """
    if through == "threads":
        require_threads(scenario)
    elif through == "workers":
        require_workers(scenario)
    log: list[Entry] = []
    counts, statistics = run_in_virtual_time(
        _play, scenario, _seconds(scenario), through, _noted_in(log), seed=scenario.seed, start=EPOCH
    )
    return Rehearsal(log=tuple(log), counts=counts, statistics=statistics)


def rehearse_fast(scenario: Scenario, events: Callable[[float], Events] = Events) -> Rehearsal:
    """The same in the fast lane, on the clock of the truth lane."""
    log: list[Entry] = []
    lane = fast_lane(scenario, events=events(EPOCH), log=_noted_in(log))
    lane.run(_seconds(scenario))
    return Rehearsal(log=tuple(log), counts=_counts(lane), statistics=lane.gate.statistics(lane.events.now))


def _seconds(scenario: Scenario) -> float:
    if scenario.gate.autoscale or scenario.crashes:
        raise ValueError("a rehearsal has no crashes and no autoscaler")
    if scenario.seconds is None:
        raise ValueError("a rehearsal needs a scenario that ends after some seconds")
    return scenario.seconds


def _noted_in(log: list[Entry]) -> Log:
    return lambda *entry: log.append(entry)


async def _play(scenario: Scenario, seconds: float, through: Through, note: Log) -> Played:
    async with AsyncExitStack() as stack:
        pool = None
        if through == "workers":
            pool = await stack.enter_async_context(open_pool(RehearsedPool, _options(scenario)))
            await pool.wait_ready()
        nursery = await stack.enter_async_context(trio.open_nursery())
        turns = Turns()
        nursery.start_soon(turns.give)
        events = TimedTasks(nursery, turns)
        parts = LaneParts(
            scenario=scenario, service=service_of(scenario, events), nursery=nursery, turns=turns, log=note
        )
        lane: TruthLane
        if pool is not None:
            lane = WorkerLane(parts, pool)
        elif through == "threads":
            lane = ThreadLane(parts)
            stack.callback(lane.end_threads)
        else:
            lane = BulkheadLane(parts)
        bring(lane, scenario)
        await trio.sleep_until(events.start + seconds)
        await turns.take(LAST, 0)
        played = _counts(lane), lane.statistics()
        nursery.cancel_scope.cancel()
        return played


def _options(scenario: Scenario) -> VirtualOptions:
    gate = scenario.gate
    return VirtualOptions(
        size=scenario.servers,
        max_queue=gate.max_waiting,
        queue_timeout=gate.queue_timeout,
        discipline=chosen(gate.discipline, Random(scenario.seed).random),
        start=0.0,
    )


def _counts(lane: Traffic) -> tuple[Counts, ...]:
    return tuple(
        (crowd.came, crowd.served, crowd.left, crowd.refused, crowd.failed, crowd.wasted) for crowd in lane.crowds
    )
