"""A hundred clients that wait one second, at a server that can serve half of them in that time.

Varied: the bulkhead, whose queue timeout is the patience less twice the p90 of the service, against the naive profile
without bound or timeout. Held fixed: the clients and their patience, four threads, hashes sized for 45 a second on this
machine. The capacity is measured just before and just after each run of the bulkhead, because a machine's speed may drift
within a minute. Goodput counts from the first patience on: until then no client has had a reason to leave.

Refusing costs little, so 0.9 of the capacity should stay useful; the tenth is for over a hundred refusals a second and
for replies that just miss. "Collapse" must mean that more than half is lost: under 0.5. The control runs at a server of
its own, else it would go on working through its queue beside what is measured next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import mean

from ...records.figures import Measures, check, compared, measured
from ...records.load import Row
from ...stage.loaded import Loaded
from ...stage.server import Server
from ...stage.stage import Stage
from .. import charts
from ..model import Collected, Experiment
from ..sizing import rounds_for

_CLIENTS = 100
_PATIENCE = 1.0
_CAPACITY = 45  # replies per second the hash is sized for: the clients want more than twice that
_THREADS = 4
_INTERVAL = 0.5  # seconds to a row of the series


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """``capacities``: just before and just after each run of the bulkhead."""

    timeout: float
    capacities: list[tuple[float, float]] = field(default_factory=list)
    bulkhead: list[Loaded] = field(default_factory=list)
    control: list[Loaded] = field(default_factory=list)

    @property
    def capacity(self) -> float:
        return mean(map(mean, self.capacities))

    @property
    def bulkhead_share(self) -> float | None:
        pairs = zip(self.bulkhead, map(mean, self.capacities), strict=True)
        return _mean([_steady(run) / capacity if capacity else None for run, capacity in pairs])

    @property
    def control_share(self) -> float | None:
        return _goodput(self.control) / self.capacity if self.capacity else None


def _at_least(seconds: float) -> float:
    """A shorter run would have nothing to count after the first patience."""
    return max(seconds, _PATIENCE + 2 * _INTERVAL)


async def _capacity(stage: Stage, server: Server, path: str) -> Loaded:
    """Goodput when no client leaves: a closed workload just large enough to keep the pool busy."""
    seconds = _at_least(stage.seconds(8, quick=4))
    return await stage.loaded(server, path, connections=8, duration=seconds, interval=_INTERVAL)


async def _impatient(stage: Stage, server: Server, path: str) -> Loaded:
    seconds = _at_least(stage.seconds(15, quick=5))
    return await stage.loaded(
        server, path, connections=_CLIENTS, duration=seconds, leave_after=_PATIENCE, interval=_INTERVAL
    )


async def _queue_timeout(server: Server) -> float:
    """The patience less what the service takes under load, with some room: a request that waited longer is served too late."""
    service = (await server.health()).queue("native_pool").service
    assert service is not None
    return max(0.1, _PATIENCE - 2 * service.p90)


def _rows(run: Loaded) -> list[Row]:
    """The whole intervals of a run; what ended after it is not counted."""
    return [row for row in run.load.series if row.start + _INTERVAL <= run.load.duration + 1e-6]


def _steady(run: Loaded) -> float:
    """Goodput per second after the first patience."""
    rows = [row for row in _rows(run) if row.start >= _PATIENCE]
    return sum(row.ok for row in rows) / (len(rows) * _INTERVAL) if rows else 0.0


def _curve(runs: list[Loaded]) -> list[tuple[float, float]]:
    """Goodput over time, in replies per second: the mean of the runs in each interval."""
    return [(rows[0].start, mean(row.ok for row in rows) / _INTERVAL) for rows in zip(*map(_rows, runs), strict=False)]


def _mean(values: list[float | None]) -> float | None:
    """Of those that were measured."""
    found = [value for value in values if value is not None]
    return mean(found) if found else None


def _goodput(runs: list[Loaded]) -> float:
    return mean(map(_steady, runs))


_FIGURES: Measures[_Found] = {
    "capacity_rps": lambda found: found.capacity,
    "capacity_min_rps": lambda found: min(map(min, found.capacities)),
    "capacity_max_rps": lambda found: max(map(max, found.capacities)),
    "bulkhead_goodput_rps": lambda found: _goodput(found.bulkhead),
    "control_goodput_rps": lambda found: _goodput(found.control),
    "bulkhead_share": lambda found: found.bulkhead_share,
    "control_share": lambda found: found.control_share,
    "bulkhead_shed_rps": lambda found: mean(run.load.requests.shed / run.load.duration for run in found.bulkhead),
    "bulkhead_left": lambda found: sum(run.load.requests.timed_out for run in found.bulkhead),
    "control_left": lambda found: sum(run.load.requests.timed_out for run in found.control),
    "bulkhead_wasted": lambda found: _mean([run.wasted("native_pool") for run in found.bulkhead]),
    "control_wasted": lambda found: _mean([run.wasted("native_pool") for run in found.control]),
    "health_p99_ms": lambda found: max(run.health_p99_ms for run in found.bulkhead),
    "queue_timeout_s": lambda found: found.timeout,
}


async def _collect(stage: Stage) -> Collected:
    threads = ("--threads", str(_THREADS))
    async with stage.server(*threads) as plain:
        path = f"/hash?rounds={await rounds_for(plain, per_second=_CAPACITY, threads=_THREADS)}"
        await _capacity(stage, plain, path)
        found = _Found(timeout=await _queue_timeout(plain))
    for _ in range(stage.rounds(2, quick=1)):
        async with stage.server(*threads, "--queue-timeout", f"{found.timeout:.3f}") as guarded:
            before = _steady(await _capacity(stage, guarded, path))
            found.bulkhead.append(await _impatient(stage, guarded, path))
            found.capacities.append((before, _steady(await _capacity(stage, guarded, path))))
        async with stage.server(*threads, "--profile", "naive", "--grace", "0.2") as naive:
            found.control.append(await _impatient(stage, naive, path))
    figures, capacity = measured(_FIGURES, found), found.capacity
    return Collected(
        figures=figures,
        charts=(
            charts.chart(
                "Goodput over time",
                "line",
                ("seconds since the load began", "replies in time, per second"),
                [
                    ("with bulkhead", _curve(found.bulkhead), "good"),
                    ("without (control)", _curve(found.control), "bad"),
                ],
                rules=[charts.rule(capacity, f"capacity {capacity:.0f}/s")],
                note=f"{_CLIENTS} clients; each leaves after {_PATIENCE:g} s and comes again. Runs: {len(found.bulkhead)}.",
            ),
        ),
        samples=found.control[0].samples,
        finding=f"""Capacity was {capacity:.1f} replies/s. With the bulkhead {_goodput(found.bulkhead):.1f}/s were in
            time ({found.bulkhead_share or 0:.0%} of it), without it {_goodput(found.control):.1f}/s
            ({found.control_share or 0:.0%}). /health p99 was {figures["health_p99_ms"]:.0f} ms beside the bulkhead's
            refusals.""",
    )


EXPERIMENT = Experiment(
    name="impatient-clients",
    title="Clients that leave",
    order=6,
    expected_s=34,
    question="How much useful work is left when more clients come than can be served before they leave?",
    prediction="""A queue bounded by time refuses in time, a client that leaves frees its place, and nearly all of the
        capacity stays useful. The control has neither, like the servers of the articles: its queue grows longer than
        the clients' patience, it works for clients that have left, and the goodput collapses although it is as busy as
        before.""",
    figures=_FIGURES,
    checks=(
        check("goodput ÷ capacity with the bulkhead", "bulkhead_share", ">=", 0.9, "×"),
        check("goodput ÷ capacity without it", "control_share", "<", 0.5, "×"),
    ),
    advice="""Bound every queue by the time its callers are ready to wait (`--queue-timeout`), not only by number: a
        reply that comes after its client has left is wasted work. Free the place of a client that leaves at once, which
        Trio's cancellation does, and answer 503 with Retry-After to those that must come again.""",
    collect=_collect,
    compared=(
        compared("bulkhead_share", "goodput ÷ capacity, guarded", "×", "higher"),
        compared("control_share", "goodput ÷ capacity, naive", "×", "higher"),
        compared("bulkhead_wasted", "work for clients that left, guarded", "of all", "lower"),
        compared("control_wasted", "work for clients that left, naive", "of all", "lower"),
        compared("health_p99_ms", "/health p99 beside the refusals", "ms", "lower"),
    ),
)
