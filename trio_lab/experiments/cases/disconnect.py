"""Clients that leave after a tenth of a second, beside clients that wait: does the work leave with its client?

Varied: the profile (guarded, naive). Held fixed: two threads, hashes sized for about 40 a second on this machine, four
clients that wait, and 100 requests a second whose clients leave after 0.1 s. The capacity is measured on the same server
just before, with the waiting clients alone.

Guarded, a thread that has begun cannot be stopped, so a client that leaves then costs a hash: over 0.4 of the capacity
should stay useful, not all of it. Naive, most requests come from clients that leave, so less than 0.4 may stay useful; the
third check is the same seen from the pool, which counts what it computed. The hash is sized anew in each round, and the
capacity measured just before.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ...records.chart import Role
from ...records.figures import Measures, check, compared, measured, of_each
from ...records.load import LoadResult
from ...stage.loaded import Loaded
from ...stage.stage import Stage
from ...stage.together import both
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading
from ..sizing import rounds_for

_PROFILES: dict[str, Role] = {"guarded": "good", "naive": "bad"}
_THREADS = 2
_CAPACITY = 40  # hashes per second
_WAITING = 4  # clients that wait for their replies
_LEAVING = 2.5 * _CAPACITY  # requests per second of clients that leave
_PATIENCE = 0.1
_LEAVING_CONNECTIONS = 60  # room for all that are there at once


@dataclass(frozen=True, slots=True)
class _Found:
    alone: Loaded
    beside: Loaded
    leavers: LoadResult

    @property
    def capacity(self) -> float:
        return self.alone.load.throughput

    @property
    def goodput(self) -> float:
        """Replies per second that reached a client: one that waits, or one of the others that was served in time."""
        return self.beside.load.goodput + self.leavers.goodput

    @property
    def share(self) -> float | None:
        return self.goodput / self.capacity if self.capacity else None

    @property
    def wasted(self) -> float | None:
        jobs = self.beside.jobs["native_pool"]
        ok = self.beside.load.requests.ok + self.leavers.requests.ok
        return max(0.0, 1 - ok / jobs) if jobs else None


_OF_EACH: Measures[_Found] = {
    "{}_capacity_rps": lambda run: run.capacity,
    "{}_goodput_rps": lambda run: run.goodput,
    "{}_share": lambda run: run.share,
    "{}_wasted": lambda run: run.wasted,
    "{}_waiting_p99_ms": lambda run: run.beside.load.latency.p99 * 1e3,
}
_FIGURES = of_each(_PROFILES, _OF_EACH)


async def _profile(stage: Stage, profile: str) -> _Found:
    flags = ("--threads", str(_THREADS), "--profile", profile, "--grace", "0.2")
    async with stage.server(*flags) as server:
        path = f"/hash?rounds={await rounds_for(server, per_second=_CAPACITY, threads=_THREADS)}"
        alone = await stage.loaded(server, path, connections=_WAITING, duration=stage.seconds(3, quick=1.2))
        seconds = stage.seconds(5, quick=2)
        leave = partial(
            stage.load,
            server.url + path,
            connections=_LEAVING_CONNECTIONS,
            rate=_LEAVING,
            duration=seconds,
            leave_after=_PATIENCE,
        )
        # The timeout of the waiting clients is as long as the load, so a reply counts while it runs or not at all.
        wait = partial(stage.loaded, server, path, connections=_WAITING, duration=seconds, timeout=seconds)
        leavers, beside = await both(leave, wait)
    return _Found(alone, beside, leavers)


async def _collect(stage: Stage) -> Collected:
    found: dict[str, _Found] = await stage.once({profile: partial(_profile, stage, profile) for profile in _PROFILES})
    return Collected(
        figures=measured(_FIGURES, found),
        charts=(
            charts.bars(
                "What became of the work",
                ("profile", "share"),
                [
                    ("goodput ÷ capacity", [(p, run.share) for p, run in found.items()], "good"),
                    ("work for nobody ÷ work", [(p, run.wasted) for p, run in found.items()], "bad"),
                ],
                note=(
                    f"{_WAITING} clients wait for their hashes; {_LEAVING:g} requests a second come beside them and leave "
                    f"after {_PATIENCE:g} s."
                ),
            ),
            charts.health_over_time([(p, found[p].beside, role) for p, role in _PROFILES.items()]),
        ),
        loads=[found["naive"].beside.step],
    )


def _finding(found: Reading) -> str:
    return " ".join(
        f"""{profile.capitalize()}: {found.said(f"{profile}_goodput_rps", "replies/s")} reached a client, of
        {found.said(f"{profile}_capacity_rps", "/s")} that the pool can do; computed for clients that had left, as a share of
        the hashes: {found.said(f"{profile}_wasted")}."""
        for profile in _PROFILES
    )


EXPERIMENT = Experiment(
    name="disconnect",
    title="Work for clients that left",
    order=7,
    expected_s=22,
    question="When a client leaves, does its work stop?",
    prediction="""Guarded, a client that leaves frees its place in the queue, so the pool computes almost only what a
        client waits for. Naive, every request is computed whether its client is there or not: most work is for clients
        that left, and those that wait get the rest.""",
    figures=_FIGURES,
    checks=(
        check("goodput ÷ capacity, guarded", "guarded_share", ">=", 0.4, "×"),
        check("goodput ÷ capacity, naive", "naive_share", "<", 0.4, "×"),
        check("hashes computed for nobody, naive", "naive_wasted", ">", 0.5, "of all"),
    ),
    advice="""Find out what your stack does when a client closes its connection: many do not tell the handler, which
        works on. The waiting part must end at once; a thread that already computes cannot be stopped, a worker process
        can. Cancellation does both without a line in the handler, if everything below it can be cancelled.""",
    collect=_collect,
    finding=_finding,
    lab=False,
    compared=(
        compared("guarded_share", "goodput ÷ capacity, guarded", "×", "higher"),
        compared("naive_share", "goodput ÷ capacity, naive", "×", "higher"),
        compared("guarded_wasted", "work for nobody, guarded", "of all", "lower"),
        compared("naive_wasted", "work for nobody, naive", "of all", "lower"),
    ),
)
