"""Clients that leave after a tenth of a second, beside clients that wait: does the work leave with its client?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import trio

from ...diagnose.first_full import first_full
from ...records.chart import Role
from ...records.check import Check, Compared
from ...stage.stage import Loaded, Stage
from .. import charts
from ..model import Collected, Experiment
from ..sizing import rounds_for

_PROFILES: dict[str, Role] = {"guarded": "good", "naive": "bad"}
_THREADS = 2
_CAPACITY = 40  # hashes per second
_WAITING = 4  # clients that wait for their replies
_LEAVING = 2.5 * _CAPACITY  # requests per second of those who leave
_PATIENCE = 0.1
_LEAVING_CONNECTIONS = 60  # room for all who are there at once


@dataclass(frozen=True, slots=True)
class _Found:
    alone: Loaded
    beside: Loaded
    leavers: dict[str, Any]

    @property
    def capacity(self) -> float:
        return float(self.alone.load["throughput_rps"])

    @property
    def goodput(self) -> float:
        """Replies per second that somebody was there for: of those who wait, and of those who leave but were quick."""
        return float(self.beside.load["goodput_rps"] + self.leavers["goodput_rps"])

    @property
    def share(self) -> float | None:
        return self.goodput / self.capacity if self.capacity else None

    @property
    def wasted(self) -> float | None:
        jobs = self.beside.jobs["native_pool"]
        ok = self.beside.load["requests"]["ok"] + self.leavers["requests"]["ok"]
        return max(0.0, 1 - ok / jobs) if jobs else None


async def _profile(stage: Stage, profile: str) -> _Found:
    flags = ("--threads", str(_THREADS), "--profile", profile, "--grace", "0.2")
    async with stage.server(*flags) as server:
        path = f"/hash?rounds={await rounds_for(server, per_second=_CAPACITY, threads=_THREADS)}"
        alone = await stage.loaded(server, path, connections=_WAITING, duration=stage.seconds(6, quick=2.5))
        leavers: dict[str, Any] = {}
        seconds = stage.seconds(12, quick=4)

        async def leave() -> None:
            leavers.update(
                await stage.load(
                    server.url + path,
                    connections=_LEAVING_CONNECTIONS,
                    rate=_LEAVING,
                    duration=seconds,
                    leave_after=_PATIENCE,
                )
            )

        async with trio.open_nursery() as nursery:
            nursery.start_soon(leave)
            # Those who wait are given so long that what they get is counted while the load runs, or not at all.
            beside = await stage.loaded(server, path, connections=_WAITING, duration=seconds, timeout=seconds)
    return _Found(alone, beside, leavers)


async def _collect(stage: Stage) -> Collected:
    found = {profile: await _profile(stage, profile) for profile in _PROFILES}
    figures: dict[str, float | None] = {}
    for profile, run in found.items():
        figures |= {
            f"{profile}_capacity_rps": run.capacity,
            f"{profile}_goodput_rps": run.goodput,
            f"{profile}_share": run.share,
            f"{profile}_wasted": run.wasted,
            f"{profile}_waiting_p99_ms": run.beside.load["latency_ms"]["p99"],
        }
    return Collected(
        figures=figures,
        charts=(
            charts.chart(
                "What became of the work",
                "bar",
                "profile",
                "share",
                [
                    charts.series("goodput ÷ capacity", [(p, run.share) for p, run in found.items()], role="good"),
                    charts.series("work for nobody ÷ work", [(p, run.wasted) for p, run in found.items()], role="bad"),
                ],
                categories=True,
                note=(
                    f"{_WAITING} clients wait for their hashes; {_LEAVING:g} requests a second come beside them and leave "
                    f"after {_PATIENCE:g} s."
                ),
            ),
            charts.health_over_time([(p, found[p].beside.health_points(), role) for p, role in _PROFILES.items()]),
        ),
        first_full=first_full(found["naive"].beside.samples),
        finding=" ".join(
            f"{profile.capitalize()}: {run.goodput:.1f} replies/s reached somebody, of {run.capacity:.1f}/s that the pool "
            f"can do, and {run.wasted or 0:.0%} of the hashes were computed for nobody."
            for profile, run in found.items()
        ),
    )


EXPERIMENT = Experiment(
    name="disconnect",
    title="Work for clients that left",
    order=7,
    expected_s=22,
    question="When a client leaves, does its work leave with it?",
    prediction=(
        "Guarded, a client that leaves takes its place in the queue with it, so the pool computes nearly only what somebody "
        "waits for. Naive, every request is computed whether its client is there or not: most work is for nobody, and "
        "those who wait get what is left."
    ),
    figures=tuple(
        f"{profile}_{figure}"
        for profile in _PROFILES
        for figure in ("capacity_rps", "goodput_rps", "share", "wasted", "waiting_p99_ms")
    ),
    checks=(
        Check(claim="goodput ÷ capacity, guarded", figure="guarded_share", relation=">=", bound=0.6, unit="×"),
        Check(claim="goodput ÷ capacity, naive", figure="naive_share", relation="<", bound=0.5, unit="×"),
        Check(claim="hashes computed for nobody, naive", figure="naive_wasted", relation=">", bound=0.5, unit="of all"),
    ),
    advice=(
        "Find out what your stack does when a client closes its connection: many tell the handler nothing, and it works on. "
        "The waiting part must end at once; a thread that already computes cannot be stopped, a worker process can. "
        "Cancellation does both without a line in the handler, if everything below it can be cancelled."
    ),
    collect=_collect,
    lab=False,
    compared=(
        Compared(figure="guarded_share", label="goodput ÷ capacity, guarded", unit="×", better="higher"),
        Compared(figure="naive_share", label="goodput ÷ capacity, naive", unit="×", better="higher"),
        Compared(figure="guarded_wasted", label="work for nobody, guarded", unit="of all", better="lower"),
        Compared(figure="naive_wasted", label="work for nobody, naive", unit="of all", better="lower"),
    ),
)
