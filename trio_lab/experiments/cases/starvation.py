"""A storm of ticks in six modes: which awaits let others run?"""

from __future__ import annotations

from typing import Any

from ...diagnose.check import Check
from ...diagnose.first_full import first_full
from ...stage.stage import Server, Stage
from .. import charts
from ..model import Evidence, Experiment

# What each mode is predicted to do to others. For the last two see docs: their passes are long, their steps vary.
_STARVING, _SHARING, _CROWDING = ("none", "if_cancelled"), ("shielded", "checkpoint"), ("run_sync_soon", "batch")
_MODES = _STARVING + _SHARING + _CROWDING
_STORM_S = 0.25  # how long one storm should last
_TRIAL_S = 0.06  # a trial storm this long tells how long a tick takes here
_MOST_TICKS = 5_000_000


async def _ticks_for(server: Server, mode: str) -> int:
    """So many ticks that a storm takes about as long in every mode."""
    count = 10_000
    while True:
        seconds = await server.get_timed(f"/tick-storm?mode={mode}&count={count}")
        if seconds >= _TRIAL_S or count >= _MOST_TICKS:
            return min(_MOST_TICKS, int(count * _STORM_S / seconds))
        count = min(_MOST_TICKS, count * 3)


async def _collect(stage: Stage) -> Evidence:
    found: dict[str, Any] = {}
    samples = []
    async with stage.server() as server:
        for mode in _MODES:
            count = await _ticks_for(server, mode)
            path = f"/tick-storm?mode={mode}&count={count}"
            run = await stage.loaded(server, path, connections=1, duration=stage.seconds(6, quick=2))
            found[mode] = run, (await server.get(path))["longestStepMs"], count
            if mode in _STARVING:
                samples += run.samples
    p99 = {mode: run.health_p99_ms for mode, (run, _, _) in found.items()}
    figures: dict[str, float | None] = {
        "starving_p99_ms": min(p99[mode] for mode in _STARVING),
        "sharing_p99_ms": max(p99[mode] for mode in _SHARING),
    }
    for mode, (run, step, count) in found.items():
        figures |= {
            f"{mode}_health_p99_ms": p99[mode],
            f"{mode}_longest_step_ms": step,
            f"{mode}_ticks": count,
            f"{mode}_storm_ms": run.load["latency_ms"]["p50"],
        }
    return Evidence(
        figures=figures,
        charts=(
            charts.chart(
                "/health p99 beside a storm of each mode",
                "bar",
                "mode of /tick-storm",
                "/health p99, ms",
                [
                    charts.series("never lets others run", [(mode, p99[mode]) for mode in _STARVING], role="bad"),
                    charts.series("lets others run", [(mode, p99[mode]) for mode in _SHARING], role="good"),
                    charts.series("crowds the loop", [(mode, p99[mode]) for mode in _CROWDING], role="neutral"),
                ],
                categories=True,
                rules=[charts.rule(25, "25 ms")],
                note=f"One client; every storm lasts about {_STORM_S * 1e3:.0f} ms.",
            ),
            charts.health_over_time(
                [
                    (mode, found[mode][0].health_points(), "bad" if mode == "none" else "good")
                    for mode in ("none", "checkpoint")
                ]
            ),
        ),
        first_full=first_full(samples),
        finding=(
            f"Beside storms that never checkpoint /health p99 was at least {figures['starving_p99_ms']:.0f} ms, beside "
            f"storms that do at most {figures['sharing_p99_ms']:.1f} ms. Callbacks in the entry queue held it up for "
            f"{p99['run_sync_soon']:.0f} ms, a thousand runnable tasks for {p99['batch']:.0f} ms."
        ),
    )


EXPERIMENT = Experiment(
    name="starvation",
    title="Awaits that let nobody run",
    order=4,
    expected_s=22,
    question="Which awaits let others run, and which starve them?",
    prediction=(
        "Awaiting something that never suspends, and `checkpoint_if_cancelled`, keep the loop for the whole storm. "
        "`cancel_shielded_checkpoint` and `checkpoint` give way at every tick, so /health stays under 25 ms beside them."
    ),
    checks=(
        Check(
            claim="/health p99, best of none and if_cancelled",
            figure="starving_p99_ms",
            relation=">",
            bound=100,
            unit="ms",
        ),
        Check(
            claim="/health p99, worst of shielded and checkpoint",
            figure="sharing_p99_ms",
            relation="<",
            bound=25,
            unit="ms",
        ),
    ),
    advice=(
        "An `await` is not a place where others run unless something below it suspends. In a loop that may go on for long "
        "without suspending, put `await trio.lowlevel.checkpoint()`, every so many items or every few milliseconds. Do "
        "not use `checkpoint_if_cancelled` for that: it is for code that will suspend soon anyway.\n\n"
        "`TrioToken.run_sync_soon` is for small hand-overs from threads: everything queued there runs in one step."
    ),
    collect=_collect,
)
