"""An autoscaler at work: every decision with what it went by, when it may grow and when growing would be in vain.

Varied: what stands in the way of one more worker, phase by phase: too few jobs wait (60 clients), the loop is late, no
core is free, nothing (130 clients), no load. Held fixed: one server that may have two workers, jobs of about 6 ms. Each
decision is read from /health with its own inputs, and judged against the rule by them.

The autoscaler is watched once, and what is counted of it is exact. Two workers against one are measured in rounds, at two
servers: they would bring 2×, but the load and the loop take their part of two cores: 1.1. In the phases where growing would
be in vain no worker may be added: 0. A figure is None where its condition did not come about: when other programs take the
cores in the last phase there is nothing to grow for, and the outcome is undecided, not a refutation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter

import trio

from ...cores import usable_cores
from ...pools.scaling import FREE, LATE, MANY_QUEUED
from ...records.chart import Chart
from ...records.examination import Step
from ...records.figures import Measures, check, measured
from ...records.health import ScalingDecision
from ...stage.alone import alone
from ...stage.load_step import Look, seen_from
from ...stage.server import Server
from ...stage.stage import Stage
from ...stage.track import Track
from ...stage.until import until
from ...subjects.bare import jobs_per_s
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading
from ..sizing import rounds_per_s

_SOME, _MANY = 60, 130  # clients: fewer, and more, than the rule asks for
_CLIENTS = {"some": _SOME, "blocked": _MANY, "crowded": _MANY, "many": _MANY}  # of each phase
_JOB_S = 0.006
_BLOCK_S, _BLOCK_RATE = 0.080, 4  # the loop is held up so long, twice in each period of the autoscaler
_BEFORE = 1.0  # seconds in which whatever stands in the way is given time to stand there
_AFTER = 1.0  # and stays, so that the queue is short again when it goes
_SHRINK = 8.0  # seconds within which an idle worker should be gone
_LOOK = 0.1  # seconds between two looks at /health


@dataclass(slots=True)
class _Watch:
    """What /health said over time: each reply with the second it came in, and every decision once, by its number."""

    begun: float = field(default_factory=trio.current_time)
    samples: list[Look] = field(default_factory=list)
    decisions: dict[int, tuple[float, ScalingDecision]] = field(default_factory=dict)
    phases: dict[str, tuple[float, float]] = field(default_factory=dict)

    def now(self) -> float:
        return trio.current_time() - self.begun

    async def look(self, server: Server, track: Track | None) -> None:
        """Until cancelled; the ``track`` sees it too."""
        while True:
            health = await server.health(reset=True)
            self.samples.append((self.now(), health))
            if track:
                track.see(health)
            for decision in health.scaling:
                self.decisions.setdefault(decision.number, (self.now() - decision.ago, decision))
            await trio.sleep(_LOOK)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        begin = self.now()
        yield
        self.phases[name] = (begin, self.now())

    def load(self, phase: str) -> Step:
        """The clients of a phase, and what was seen meanwhile."""
        begin, end = self.phases[phase]
        seen = seen_from(begin, self.samples)
        return Step(part="load", clients=_CLIENTS[phase], duration=end - begin, sightings=seen)

    def during(self, phase: str) -> list[ScalingDecision]:
        """The decisions of a phase."""
        begin, end = self.phases[phase]
        return [decision for at, decision in self.decisions.values() if begin <= at <= end]

    def grown(self, phase: str, *, if_any: list[ScalingDecision]) -> int | None:
        """The workers added in a phase; None where its condition did not come about: then nothing can be said of it."""
        return _grown(self.during(phase)) if if_any else None

    def most_queued(self, phase: str) -> int | None:
        return max((decision.queued_jobs for decision in self.during(phase)), default=None)

    @property
    def late(self) -> list[ScalingDecision]:
        """The decisions beside a long queue while the loop was late."""
        return [one for one in self.during("blocked") if one.queued_jobs > MANY_QUEUED and _late(one)]

    @property
    def taken(self) -> list[ScalingDecision]:
        """The decisions beside a long queue while no core was free."""
        waited = (one for one in self.during("crowded") if one.queued_jobs > MANY_QUEUED)
        return [one for one in waited if not _late(one) and not one.cpu_is_available]


def _grown(decisions: Iterable[ScalingDecision]) -> int:
    return sum(decision.wanted > decision.size for decision in decisions)


def _late(decision: ScalingDecision) -> bool:
    return decision.loop_lag is None or decision.loop_lag >= LATE


def _allows(decision: ScalingDecision) -> bool:
    """Whether the rule lets the pool grow."""
    return decision.queued_jobs > MANY_QUEUED and not _late(decision) and decision.cpu_is_available


def _shrunk(watch: _Watch) -> int | None:
    return sum(d.wanted < d.size for d in watch.during("idle")) if _grown(watch.during("many")) else None


_FIGURES: Measures[_Watch] = {
    "decisions": lambda watch: len(watch.decisions),
    "grown": lambda watch: watch.grown("many", if_any=list(filter(_allows, watch.during("many")))),
    "grown_some": lambda watch: watch.grown("some", if_any=watch.during("some")),
    "grown_blocked": lambda watch: watch.grown("blocked", if_any=watch.late),
    "grown_crowded": lambda watch: watch.grown("crowded", if_any=watch.taken),
    "grown_against_rule": lambda watch: _grown(d for _, d in watch.decisions.values() if not _allows(d)),
    "shrunk": _shrunk,
    "refused_blocked": lambda watch: len(watch.late),
    "refused_crowded": lambda watch: len(watch.taken),
    "most_queued_some": lambda watch: watch.most_queued("some"),
    "most_queued_many": lambda watch: watch.most_queued("many"),
    "cores": lambda _: usable_cores(),
}


async def _autoscaled(stage: Stage) -> _Watch:
    """All phases, at one server."""
    flags = ("--workers", "2", "--autoscale", "--queue-timeout", "60", "--max-queue", "1000")
    async with stage.server(*flags) as server:
        speed, watch, seconds = await rounds_per_s(server), _Watch(), stage.seconds(5, quick=1.5)
        jobs = f"{server.url}/worker-hash?rounds={round(speed * _JOB_S)}"
        block = f"{server.url}/sync-hash?rounds={round(speed * _BLOCK_S)}"
        longer = seconds + _BEFORE + _AFTER
        in_the_way: dict[str, Callable[[], Awaitable[object]]] = {
            "blocked": partial(stage.load, block, connections=4, rate=_BLOCK_RATE, duration=longer),
            "crowded": partial(alone, partial(jobs_per_s, "processes", usable_cores(), longer)),
        }

        async def phase(name: str, seconds: float) -> None:
            with watch.phase(name):
                await stage.load(jobs, connections=_CLIENTS[name], duration=seconds)

        async with trio.open_nursery() as watching:
            watching.start_soon(watch.look, server, stage.track)
            await phase("some", stage.seconds(8, quick=2))
            for name, stand in in_the_way.items():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(stand)
                    await trio.sleep(_BEFORE)
                    await phase(name, seconds)
            await phase("many", stage.seconds(10, quick=2.5))
            with watch.phase("idle"):  # until the pool is small again, or should be
                await until(lambda: watch.samples[-1][1].pool.workers <= 1, limit=_SHRINK, period=_LOOK)
                await trio.sleep(2 * _LOOK)
            watching.cancel_scope.cancel()
    return watch


async def _watched(stage: Stage) -> tuple[_Watch, int]:
    """And in which round."""
    return await _autoscaled(stage), stage.round


async def _throughput(stage: Stage, workers: int) -> float:
    server = await stage.kept("--workers", str(workers), "--queue-timeout", "60", "--max-queue", "1000")
    rounds = await stage.first("rounds", partial(_job_rounds, server))
    path = f"/worker-hash?rounds={rounds}"
    return (await stage.load(server.url + path, connections=_SOME, duration=stage.seconds(2, quick=0.7))).throughput


async def _job_rounds(server: Server) -> int:
    return round(await rounds_per_s(server) * _JOB_S)


async def _collect(stage: Stage) -> Collected:
    watch, watched_in = await stage.first("autoscaled", partial(_watched, stage))
    rates = await stage.once({f"{workers}": partial(_throughput, stage, workers) for workers in (1, 2)})
    figures = measured(_FIGURES, watch) | {
        "throughput_gain": rates["2"] / rates["1"],
        "one_worker_rps": rates["1"],
        "two_workers_rps": rates["2"],
    }
    # The phases were watched in one round. In the others they would be the same loads once more.
    loads = [watch.load(phase) for phase in _CLIENTS] if watched_in == stage.round else []
    return Collected(figures=figures, charts=_charts(watch), loads=loads)


def _finding(found: Reading) -> str:
    if found["grown"] is None:
        grown = f"""A CPU that was free while the queue was long and the loop on time was not seen, so the rule
            had not to grow the pool. Decisions: {found.said("decisions")}."""
    else:
        grown = f"""With {found.said("most_queued_some")} jobs waiting, workers added: {found.said("grown_some")}. With
            {found.said("most_queued_many")} waiting: {found.said("grown")}; while the loop was late:
            {found.said("grown_blocked")}; while every core was taken: {found.said("grown_crowded")}."""
    return f"""{grown} One worker did {found.said("one_worker_rps", "jobs/s")}, two {found.said("throughput_gain", "×")} as
        many."""


def _charts(watch: _Watch) -> tuple[Chart, ...]:
    samples = watch.samples
    starts = [charts.rule(round(begin, 2), name, axis="x") for name, (begin, _) in watch.phases.items()]
    return (
        charts.chart(
            "Jobs waiting, and workers",
            "step",
            ("seconds", "jobs waiting"),
            [("waiting", [(round(at, 2), health.queue("worker_pool").waiting) for at, health in samples], None)],
            rules=[charts.rule(MANY_QUEUED, f"{MANY_QUEUED} jobs"), *starts],
            note="some: too few wait. blocked: the loop is late. crowded: no CPU is free. many: now more workers help.",
        ),
        charts.chart(
            "Workers",
            "step",
            ("seconds", "workers that are wanted"),
            [("workers", [(round(at, 2), health.pool.workers) for at, health in samples], None)],
            rules=starts,
        ),
        _inputs(watch, "Loop delay at each decision", "longest pass of the period, ms", _lag_ms, LATE * 1e3, "ms"),
        _inputs(
            watch, "Free cores at each decision", "idle cores in the period", attrgetter("free_cores"), FREE, "cores"
        ),
    )


def _lag_ms(decision: ScalingDecision) -> float | None:
    return None if decision.loop_lag is None else decision.loop_lag * 1e3


def _inputs(
    watch: _Watch, title: str, y: str, of: Callable[[ScalingDecision], float | None], bound: float, unit: str
) -> Chart:
    """One input of every decision, a series for each reason."""
    by_reason: dict[str, list[tuple[float, float | None]]] = {}
    for at, decision in watch.decisions.values():
        by_reason.setdefault(decision.reason, []).append((round(at, 2), of(decision)))
    return charts.chart(
        title,
        "point",
        ("seconds", y),
        [(reason, points, None) for reason, points in by_reason.items()],
        rules=[charts.rule(bound, f"{bound:g} {unit}")],
    )


EXPERIMENT = Experiment(
    name="worker-scaling",
    title="When one more worker helps",
    order=8,
    expected_s=24,
    question="When does a worker pool gain from one more worker, and does the rule know?",
    prediction=f"""A pool of one worker grows when over {MANY_QUEUED} jobs wait, the loop is less than {LATE * 1e3:.0f}
        ms late and a CPU is free, and then gets more done. It does not grow for {_SOME} clients, nor for {_MANY} while
        the loop is held up (the results would wait for it) or while every core is taken (the time would be taken from
        others). When all is done it shrinks again.""",
    figures=(*_FIGURES, "throughput_gain", "one_worker_rps", "two_workers_rps"),
    checks=(
        check("workers added for a long queue", "grown", ">=", 1, exact=True),
        check("throughput, two workers ÷ one", "throughput_gain", ">=", 1.1, "×"),
        check(f"workers added for {_SOME} clients", "grown_some", "<=", 0, exact=True),
        check("workers added while the loop was late", "grown_blocked", "<=", 0, exact=True),
        check("workers added while no CPU was free", "grown_crowded", "<=", 0, exact=True),
        check("workers added against the rule", "grown_against_rule", "<=", 0, exact=True),
        check("workers given up when idle", "shrunk", ">=", 1, exact=True),
    ),
    advice="""Before you add workers, look at what the present ones wait for. If the loop is late, find the blocking
        call; if all cores are busy, reduce the work. Only a long queue beside an idle core calls for another worker.
        `--autoscale` decides by this rule, and `scaling` in `/health` has each decision with its inputs.

        A hundred jobs are a long queue for short jobs and an endless one for long jobs: bound the wait by time as
        well.""",
    collect=_collect,
    finding=_finding,
    lab=False,
)
