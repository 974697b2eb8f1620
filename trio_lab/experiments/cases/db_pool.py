"""A pool of database connections: too few, too many, and one eaten by slow queries.

Queries only take time (`/db`), so the bounds do not depend on the speed of the machine. A query that writes holds the one lock
of the database meanwhile, as each change does in SQLite, and a change of the same row in PostgreSQL.

Too few: 24 clients read for 100 ms each, with 1 and with 8 connections. Eight could serve eight times as much; half of that is
left for HTTP and for the machine. Too many: the same clients write for 20 ms each. The writers take turns anyway, so nothing
can be gained; 1.5 is what two short phases differ by. With 8 connections 7 writers wait inside the database: a query holds its
connection 8 times as long on average, and over 4 times in any case.

Slow queries: fast ones of 100 ms, 10 a second, need one of four connections. Slow ones of 500 ms have one as their share, which
is 2 a second; 40 a second come. Varied: nothing else, all in one pool, a bound for the slow kind, a pool of its own. With a
cure three connections are left for fast queries, which then wait for none, also on a machine that makes them twice as long: 1.5
leaves 50 ms for everything else. Without one, they wait behind slow queries, for 5 times their own length at least.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from ...records.chart import Chart, Role
from ...records.figures import Measures, check, measured
from ...records.load import LoadResult
from ...stage.loaded import Loaded
from ...stage.stage import Stage
from ...stage.together import both
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading

_FAST_MS, _FAST_RATE = 100, 10
_SLOW_MS, _SLOW_RATE = 500, 40
_BOUND = ("--connections", "4", "--slow-connections", "1")
_PATIENCE = 2.0  # seconds: of the callers of slow queries
_CLIENTS = 24
_READ, _WRITE = "/db?ms=100", "/db?ms=20&access=write"
_MANY = 8
_SIZES = {"read_one": (_READ, 1), "read_many": (_READ, _MANY), "write_one": (_WRITE, 1), "write_many": (_WRITE, _MANY)}
_POOLS: dict[str, tuple[str, tuple[str, ...], Role | None]] = {
    "alone": ("no slow queries", ("--connections", "4"), None),
    "shared": ("one pool", ("--connections", "4"), "bad"),
    "bound": ("a bound for slow ones", _BOUND, "good"),
    "own": ("a pool of their own", ("--separate-pools", "--connections", "3", "--slow-connections", "1"), "good"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sized:
    """Queries of one kind. ``held``: seconds for which a query holds its connection, the mean; the median would be that of
    writers who are lucky with the lock."""

    run: Loaded
    held: float

    @property
    def rate(self) -> float:
        load = self.run.load
        return load.pace * load.requests.ok / max(1, load.requests.completed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """By size, and by what there is beside the fast queries: these, and the slow ones."""

    sized: Mapping[str, _Sized]
    pools: Mapping[str, tuple[Loaded, LoadResult | None]]

    def p99(self, pool: str) -> float:
        return self.pools[pool][0].load.latency.p99

    def slow_rate(self, pool: str) -> float | None:
        slow = self.pools[pool][1]
        return None if slow is None else slow.goodput


_FIGURES: Measures[_Found] = {
    "read_gain": lambda found: found.sized["read_many"].rate / found.sized["read_one"].rate,
    "write_gain": lambda found: found.sized["write_many"].rate / found.sized["write_one"].rate,
    "write_held": lambda found: found.sized["write_many"].held / found.sized["write_one"].held,
    "write_one_rps": lambda found: found.sized["write_one"].rate,
    "write_many_rps": lambda found: found.sized["write_many"].rate,
    **{f"{pool}_p99_ms": partial(lambda pool, found: found.p99(pool) * 1e3, pool) for pool in _POOLS},
    **{
        f"{pool}_p99": partial(lambda pool, found: found.p99(pool) / found.p99("alone"), pool)
        for pool in ("shared", "bound", "own")
    },
    "shared_slow_rps": lambda found: found.slow_rate("shared"),
    "bound_slow_rps": lambda found: found.slow_rate("bound"),
}


async def _sized(stage: Stage, path: str, connections: int) -> _Sized:
    async with stage.server("--connections", str(connections), "--grace", "0.2") as server:
        await server.fetch(path)
        run = await stage.loaded(
            server, path, connections=_CLIENTS, duration=stage.seconds(3, quick=1), keep_samples=True
        )
        held = (await server.health()).queue("database").service
    assert held is not None  # a pool of connections observes how long they are held
    return _Sized(run=run, held=held.mean)


async def _beside(stage: Stage, flags: tuple[str, ...], slow: bool) -> tuple[Loaded, LoadResult | None]:
    """Fast queries at a server of their own, and slow ones beside them."""
    seconds = max(1.0, stage.seconds(8, quick=3))
    async with stage.server(*flags, "--grace", "0.2") as server:
        await server.fetch("/db?ms=1")
        fast = partial(
            stage.loaded,
            server,
            f"/db?ms={_FAST_MS}",
            connections=200,
            rate=_FAST_RATE,
            duration=seconds,
            keep_samples=True,
        )
        if not slow:
            return await fast(), None
        others = partial(
            stage.load,
            f"{server.url}/db?ms={_SLOW_MS}&class=slow",
            connections=200,
            rate=_SLOW_RATE,
            duration=seconds,
            leave_after=_PATIENCE,
        )
        return await both(fast, others)


async def _collect(stage: Stage) -> Collected:
    sized = await stage.once({name: partial(_sized, stage, *size) for name, size in _SIZES.items()})
    pools = await stage.once(
        {name: partial(_beside, stage, flags, name != "alone") for name, (_, flags, _) in _POOLS.items()}
    )
    found = _Found(sized=sized, pools=pools)
    return Collected(
        figures=measured(_FIGURES, found),
        charts=_charts(found),
        loads=[pools["shared"][0].step],
    )


def _charts(found: _Found) -> tuple[Chart, ...]:
    sized = found.sized
    beside = [(label, found.pools[name][0].load, role) for name, (label, _, role) in _POOLS.items()]
    return (
        charts.bars(
            "Queries served",
            ("connections", "queries/s"),
            [
                ("reads of 100 ms", [("1", sized["read_one"].rate), ("8", sized["read_many"].rate)], "good"),
                ("writes of 20 ms", [("1", sized["write_one"].rate), ("8", sized["write_many"].rate)], "bad"),
            ],
            note="One query writes at a time, however many connections there are.",
        ),
        charts.chart(
            "Fast queries beside twenty times as many slow ones as their share",
            "point",
            ("seconds since the load began", "latency of a fast query, ms"),
            [(label, charts.in_ms(load.by_start()), role) for label, load, role in beside],
            log_y=True,
            rules=[charts.rule(_SLOW_MS, "one slow query")],
            note=f"A fast query takes {_FAST_MS} ms. Refused ones are not drawn.",
        ),
        charts.bars(
            "What a bound costs slow queries",
            ("pool", "slow queries/s"),
            [
                (
                    "served in time",
                    [(_POOLS[name][0], found.slow_rate(name) or 0.0) for name in ("shared", "bound")],
                    None,
                )
            ],
            note="The connections that are kept for fast queries serve no slow one.",
        ),
    )


def _finding(found: Reading) -> str:
    return f"""Eight connections served {found.said("read_gain", "×")} as many reads as one, and
        {found.said("write_gain", "×")} as many writes; a write held its connection {found.said("write_held", "×")} as long.
        The p99 of fast queries was {found.said("alone_p99_ms", "ms")} without slow ones. Beside these it
        {found.change("shared_p99")} in one pool, it {found.change("bound_p99")} with a bound for slow ones, and it
        {found.change("own_p99")} with a pool for them. Slow queries served in time: {found.said("shared_slow_rps", "/s")}
        without a bound, {found.said("bound_slow_rps", "/s")} with it."""


EXPERIMENT = Experiment(
    name="db-pool",
    title="A pool of database connections",
    order=35,
    expected_s=165,
    question="How many database connections are too few or too many, and what do fast queries feel of many slow ones?",
    prediction="""Queries that only wait are served in proportion to the connections. Writers wait for each other: more
        connections serve no more, and only move the wait from the pool's queue, which is seen and bounded, into the database.

        In one pool, twenty times as many slow queries as their share hold every connection, and fast ones wait behind them.
        With a bound for slow ones, or a pool of their own, fast ones find connections free.""",
    figures=_FIGURES,
    checks=(
        check("reads served, 8 connections ÷ 1", "read_gain", ">=", 4, "×"),
        check("writes served, 8 connections ÷ 1", "write_gain", "<=", 1.5, "×"),
        check("time that a write holds its connection, 8 ÷ 1", "write_held", ">=", 4, "×"),
        check("p99 of fast queries beside slow ones in one pool ÷ alone", "shared_p99", ">=", 5, "×"),
        check("the same with a bound for slow ones", "bound_p99", "<=", 1.5, "×"),
        check("the same with a pool for slow ones", "own_p99", "<=", 1.5, "×"),
    ),
    advice="""Begin with few connections, and add some while callers wait for one and a query takes no longer for it. Where
        queries get slower as connections are added, they wait for each other inside the database: let them wait in the pool.

        Tell slow queries from fast ones (`kind=`) and give the slow ones a bound (`shares=`, `--slow-connections`) or a pool
        of their own (`--separate-pools`).""",
    collect=_collect,
    finding=_finding,
    lab=False,
)
