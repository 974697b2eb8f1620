"""A storm of ticks in every mode that the runtime has: which awaits let others run?

Varied: what a tick awaits. Held fixed: the length of a storm (about 150 ms, so the number of ticks is found out
for each mode first), one client that asks for one storm after the other, a probe of /health. Which mode starves, shares
or crowds is the contract's word, written down before.

The mildest mode that starves must show a good part of a storm: half. Beside those that share only noise may be left: a
fifth. Modes that crowd the loop have no bound, since they depend on the size of a batch or the number of tasks. A trial
storm on a machine that is busy elsewhere would make storms too short, so it is repeated and the shortest time counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from ...http.contract import MAX_TICKS, STORMS
from ...records.chart import Chart, Role, Rule, Table
from ...records.codec import NOT_OBSERVED
from ...records.figures import Measures, check, compared, measured, of_each
from ...stage.ask import ask
from ...stage.loaded import Loaded
from ...stage.server import Server
from ...stage.stage import Stage
from ...subjects.answers import Matrix
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading

_STORM_S = 0.15  # how long one storm should last
_TRIAL_S = 0.03  # a trial storm this long tells how long a tick takes here
_STARVING, _SHARING = 0.5, 0.2  # of a storm: /health p99 beside it is at least this, and less than this
_LEAST_TICKS = 100  # a tick of a timer takes more than a millisecond
# What a mode does to others, by the contract: the series it is drawn in, and that one's role.
_SERIES: dict[str, tuple[str, Role]] = {
    "starves": ("never lets others run", "bad"),
    "shares": ("lets others run", "good"),
    "crowds": ("crowds the loop", "neutral"),
}


@dataclass(frozen=True, slots=True)
class _Storm:
    """Storms of one mode: what a client and the probe saw of them, the longest step, and the number of ticks in each."""

    run: Loaded
    longest_step_ms: float | None
    ticks: int


_OF_EACH: Measures[_Storm] = {
    "{}_health_p99_ms": lambda storm: storm.run.health_p99_ms,
    "{}_longest_step_ms": lambda storm: storm.longest_step_ms,
    "{}_ticks": lambda storm: storm.ticks,
    "{}_storm_ms": lambda storm: storm.run.load.latency.p50 * 1e3,
}


def _names(runtime: str) -> tuple[str, ...]:
    """The figures on a runtime: some of each of its modes."""
    return (*_WORST, *of_each(STORMS[runtime], _OF_EACH))


@dataclass(frozen=True, slots=True)
class _Storms:
    """The storms of one runtime, by their modes."""

    runtime: str
    by_mode: dict[str, _Storm]

    def modes(self, effect: str) -> list[str]:
        return [mode for mode, its in STORMS[self.runtime].items() if its == effect]

    def p99(self, effect: str) -> list[tuple[str, float]]:
        return [(mode, self.by_mode[mode].run.health_p99_ms) for mode in self.modes(effect)]

    @property
    def storm_ms(self) -> float:
        """How long the shortest storm took."""
        return min(storm.run.load.latency.p50 for storm in self.by_mode.values()) * 1e3

    @property
    def starving_p99_ms(self) -> float:
        return min(ms for _, ms in self.p99("starves"))

    @property
    def sharing_p99_ms(self) -> float:
        return max(ms for _, ms in self.p99("shares"))


async def _ticks_for(server: Server, mode: str) -> int:
    """So many ticks that a storm takes about as long in every mode."""
    count = _LEAST_TICKS
    while True:
        path = f"/tick-storm?mode={mode}&count={count}"
        seconds = (await server.fetch(path)).latency
        if seconds >= _TRIAL_S:
            seconds = min(seconds, *[(await server.fetch(path)).latency for _ in range(2)])
        if seconds >= _TRIAL_S or count >= MAX_TICKS:
            return min(MAX_TICKS, int(count * _STORM_S / seconds))
        count = min(MAX_TICKS, count * 3)


async def _storms(stage: Stage) -> _Storms:
    server = await stage.kept()
    modes = {mode: partial(_storm, stage, server, mode) for mode in STORMS[stage.runtime]}
    for mode, effect in STORMS[stage.runtime].items():
        if effect == "crowds":  # nothing is claimed of these, so once is enough
            modes[mode] = partial(stage.first, mode, modes[mode])
    return _Storms(stage.runtime, await stage.once(modes))


async def _storm(stage: Stage, server: Server, mode: str) -> _Storm:
    count = await stage.first(f"ticks of {mode}", partial(_ticks_for, server, mode))
    path = f"/tick-storm?mode={mode}&count={count}"
    # Beside a storm that starves the queues can be looked at once a storm, and a few looks are needed.
    quick = 0.8 if STORMS[stage.runtime][mode] == "starves" else 0.4
    run = await stage.loaded(server, path, connections=1, duration=stage.seconds(3, quick=quick))
    longest = (await server.get(path))["longestStepMs"]
    return _Storm(run, None if longest == NOT_OBSERVED else longest, count)


_WORST: Measures[_Storms] = {
    "starving_p99_ms": lambda found: found.starving_p99_ms,
    "sharing_p99_ms": lambda found: found.sharing_p99_ms,
    "storm_ms": lambda found: found.storm_ms,
    "starving_in_storms": lambda found: found.starving_p99_ms / found.storm_ms,
    "sharing_in_storms": lambda found: found.sharing_p99_ms / found.storm_ms,
}


def _figures(found: _Storms) -> dict[str, float | None]:
    return measured(_WORST, found) | measured(of_each(found.by_mode, _OF_EACH), found.by_mode)


def _charts(found: _Storms) -> tuple[Chart, Chart]:
    by_effect = {effect: found.p99(effect) for effect in _SERIES}
    starving, sharing = found.modes("starves")[0], found.modes("shares")[-1]
    return (
        charts.bars(
            "/health p99 beside a storm of each mode",
            ("mode of /tick-storm", "/health p99, ms"),
            [(_SERIES[e][0], points, _SERIES[e][1]) for e, points in by_effect.items() if points],
            rules=_bounds(found.storm_ms),
            note=f"One client; every storm lasts about {_STORM_S * 1e3:.0f} ms.",
        ),
        charts.health_over_time(
            [(starving, found.by_mode[starving].run, "bad"), (sharing, found.by_mode[sharing].run, "good")]
        ),
    )


def _bounds(storm_ms: float) -> list[Rule]:
    """What the checks ask of each group."""
    shares = {_STARVING: "half a storm", _SHARING: "a fifth of a storm"}
    return [charts.rule(share * storm_ms, label) for share, label in shares.items() if math.isfinite(storm_ms)]


def _matrix(found: Matrix) -> Table:
    """Which awaits let others run, and which let a cancel in, as the runtime's own program found it."""
    answer = {True: "yes", False: "no"}
    return charts.table(
        f"Two questions to an await, on {found.runtime}",
        ("again and again", "others run", "beats of a 10 ms heartbeat", "a cancel after 50 ms ends it"),
        [(row.what, answer[row.schedules], row.beats, answer[row.cancelled]) for row in found.rows],
        note="No server: each is repeated for a quarter of a second in a process of its own.",
    )


async def _collect(stage: Stage) -> Collected:
    matrix = await stage.first("matrix", partial(ask, Matrix, stage.runtime))
    found = await _storms(stage)
    return Collected(
        figures=_figures(found),
        charts=_charts(found),
        loads=[found.by_mode[mode].run.step for mode in found.modes("starves")],
        tables=(_matrix(matrix),),
    )


def _finding(found: Reading) -> str:
    return f"""Beside storms of the modes that are to starve others /health p99 was {found.said("starving_p99_ms", "ms")} (the
        best of them), and beside those that are to share {found.said("sharing_p99_ms", "ms")} (the worst). A storm took
        {found.said("storm_ms", "ms")}."""


EXPERIMENT = Experiment(
    name="starvation",
    title="Awaits that let nothing else run",
    order=4,
    expected_s=33,
    question="Which awaits let others run, and which starve them?",
    prediction="""An await of something that is ready keeps the loop for the whole storm: on Trio `none` and
        `if_cancelled`, on asyncio `none`, `queue_get` and `done_future`, on Node every chain of `nextTick` or
        microtasks. What goes through the scheduler at every tick gives way at every tick (`shielded` and `checkpoint`;
        `call_soon` and `sleep0`; `set_immediate` and `set_timeout`), so /health waits for no more than a fifth of a storm.""",
    figures=_names,
    checks=(
        check("/health p99 ÷ a storm, best of the modes that starve", "starving_in_storms", ">=", _STARVING, "×"),
        check("/health p99 ÷ a storm, worst of the modes that share", "sharing_in_storms", "<", _SHARING, "×"),
    ),
    advice="""An `await` is not a place where others run unless something below it suspends. In a loop that may go on
        for long without suspending, give way every so many items or every few milliseconds: on Trio with `await
        trio.lowlevel.checkpoint()`, on asyncio with `await asyncio.sleep(0)`, on Node with `setImmediate`. Do not use
        `checkpoint_if_cancelled` for that: it is for code that will suspend soon anyway.

        `TrioToken.run_sync_soon` is for small hand-overs from threads: everything queued there runs in one step.""",
    collect=_collect,
    finding=_finding,
    compared=(
        compared("starving_p99_ms", "/health p99 beside storms that starve", "ms", "lower"),
        compared("sharing_p99_ms", "/health p99 beside storms that share", "ms", "lower"),
    ),
)
