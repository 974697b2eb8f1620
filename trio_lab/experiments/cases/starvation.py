"""A storm of ticks in every mode that the runtime has: which awaits let others run?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...diagnose.first_full import first_full
from ...http.contract import MAX_TICKS, STORMS
from ...records.chart import Chart, Role, Table
from ...records.check import Check, Compared
from ...records.codec import NOT_OBSERVED
from ...stage.stage import Loaded, Server, Stage
from .. import charts
from ..model import Collected, Experiment

_STORM_S = 0.25  # how long one storm should last
_TRIAL_S = 0.06  # a trial storm this long tells how long a tick takes here
_LEAST_TICKS = 100  # a tick of a timer takes more than a millisecond
# What a mode does to others, by the contract: the series it is drawn in, and that one's role.
_SERIES: dict[str, tuple[str, Role]] = {
    "starves": ("never lets others run", "bad"),
    "shares": ("lets others run", "good"),
    "crowds": ("crowds the loop", "neutral"),
}


def _names(runtime: str) -> tuple[str, ...]:
    """The figures on a runtime: some of each of its modes."""
    of_each = ("health_p99_ms", "longest_step_ms", "ticks", "storm_ms")
    return ("starving_p99_ms", "sharing_p99_ms", *(f"{mode}_{name}" for mode in STORMS[runtime] for name in of_each))


@dataclass(frozen=True, slots=True)
class _Storms:
    """The storms of one runtime: ``run[mode]`` is what a client and the probe saw of them."""

    runtime: str
    run: dict[str, Loaded]
    longest_step_ms: dict[str, float | None]
    ticks: dict[str, int]

    def modes(self, effect: str) -> list[str]:
        return [mode for mode, its in STORMS[self.runtime].items() if its == effect]

    def p99(self, effect: str) -> list[tuple[str, float]]:
        return [(mode, self.run[mode].health_p99_ms) for mode in self.modes(effect)]


async def _ticks_for(server: Server, mode: str) -> int:
    """So many ticks that a storm takes about as long in every mode."""
    count = _LEAST_TICKS
    while True:
        path = f"/tick-storm?mode={mode}&count={count}"
        seconds = await server.get_timed(path)
        if seconds >= _TRIAL_S:  # or the machine was busy elsewhere for that long, so twice more
            seconds = min(seconds, *[await server.get_timed(path) for _ in range(2)])
        if seconds >= _TRIAL_S or count >= MAX_TICKS:
            return min(MAX_TICKS, int(count * _STORM_S / seconds))
        count = min(MAX_TICKS, count * 3)


async def _storms(stage: Stage) -> _Storms:
    found = _Storms(stage.runtime, {}, {}, {})
    async with stage.server() as server:
        for mode in STORMS[stage.runtime]:
            count = await _ticks_for(server, mode)
            path = f"/tick-storm?mode={mode}&count={count}"
            found.run[mode] = await stage.loaded(server, path, connections=1, duration=stage.seconds(6, quick=2))
            longest = (await server.get(path))["longestStepMs"]
            found.longest_step_ms[mode] = None if longest == NOT_OBSERVED else longest
            found.ticks[mode] = count
    return found


def _figures(found: _Storms) -> dict[str, float | None]:
    figures: dict[str, float | None] = {
        "starving_p99_ms": min(ms for _, ms in found.p99("starves")),
        "sharing_p99_ms": max(ms for _, ms in found.p99("shares")),
    }
    for mode, run in found.run.items():
        figures |= {
            f"{mode}_health_p99_ms": run.health_p99_ms,
            f"{mode}_longest_step_ms": found.longest_step_ms[mode],
            f"{mode}_ticks": found.ticks[mode],
            f"{mode}_storm_ms": run.load["latency_ms"]["p50"],
        }
    return figures


def _charts(found: _Storms) -> tuple[Chart, Chart]:
    by_effect = {effect: found.p99(effect) for effect in _SERIES}
    starving, sharing = found.modes("starves")[0], found.modes("shares")[-1]
    return (
        charts.chart(
            "/health p99 beside a storm of each mode",
            "bar",
            "mode of /tick-storm",
            "/health p99, ms",
            [charts.series(_SERIES[e][0], points, role=_SERIES[e][1]) for e, points in by_effect.items() if points],
            categories=True,
            rules=[charts.rule(25, "25 ms")],
            note=f"One client; every storm lasts about {_STORM_S * 1e3:.0f} ms.",
        ),
        charts.health_over_time(
            [
                (starving, found.run[starving].health_points(), "bad"),
                (sharing, found.run[sharing].health_points(), "good"),
            ]
        ),
    )


def _matrix(said: dict[str, Any]) -> Table:
    """Which awaits let others run, and which let a cancel in, as the runtime's own program found it."""
    answer = {True: "yes", False: "no"}
    return charts.table(
        f"Two questions to an await, on {said['runtime']}",
        ("again and again", "others run", "beats of a 10 ms heartbeat", "a cancel after 50 ms ends it"),
        [(row["await"], answer[row["schedules"]], row["beats"], answer[row["cancelled"]]) for row in said["rows"]],
        note="No server: each is repeated for a quarter of a second in a process of its own.",
    )


async def _collect(stage: Stage) -> Collected:
    matrix = await stage.answer("matrix", stage.runtime)
    found = await _storms(stage)
    figures = _figures(found)
    crowding = ", ".join(f"{ms:.0f} ms beside `{mode}`" for mode, ms in found.p99("crowds"))
    return Collected(
        figures=figures,
        charts=_charts(found),
        first_full=first_full([sample for mode in found.modes("starves") for sample in found.run[mode].samples]),
        finding=(
            f"Beside storms that let nobody run /health p99 was at least {figures['starving_p99_ms']:.0f} ms, beside storms "
            f"that give way at every tick at most {figures['sharing_p99_ms']:.1f} ms."
        )
        + (f" Where a whole lot of ticks comes before anybody else: {crowding}." if crowding else ""),
        tables=(_matrix(matrix),),
    )


EXPERIMENT = Experiment(
    name="starvation",
    title="Awaits that let nobody run",
    order=4,
    expected_s=26,
    question="Which awaits let others run, and which starve them?",
    prediction=(
        "An await of what is already there keeps the loop for the whole storm: on Trio `none` and `if_cancelled`, on asyncio "
        "`none`, `queue_get` and `done_future`, on Node every chain of `nextTick` or microtasks. What goes through the "
        "scheduler at every tick gives way at every tick (`shielded` and `checkpoint`; `call_soon` and `sleep0`; "
        "`set_immediate` and `set_timeout`), so /health stays under 25 ms beside it."
    ),
    figures=_names,
    checks=(
        Check(
            claim="/health p99, best of the modes that starve",
            figure="starving_p99_ms",
            relation=">",
            bound=100,
            unit="ms",
        ),
        Check(
            claim="/health p99, worst of the modes that share",
            figure="sharing_p99_ms",
            relation="<",
            bound=25,
            unit="ms",
        ),
    ),
    advice=(
        "An `await` is not a place where others run unless something below it suspends. In a loop that may go on for long "
        "without suspending, give way every so many items or every few milliseconds: on Trio with "
        "`await trio.lowlevel.checkpoint()`, on asyncio with `await asyncio.sleep(0)`, on Node with `setImmediate`. Do not "
        "use `checkpoint_if_cancelled` for that: it is for code that will suspend soon anyway.\n\n"
        "`TrioToken.run_sync_soon` is for small hand-overs from threads: everything queued there runs in one step."
    ),
    collect=_collect,
    compared=(
        Compared(figure="starving_p99_ms", label="/health p99 beside storms that starve", unit="ms", better="lower"),
        Compared(figure="sharing_p99_ms", label="/health p99 beside storms that share", unit="ms", better="lower"),
    ),
)
