"""The same heavy work inline, where the caller waits for it, and as a background job, where the reply comes first.

Varied: `/worker-hash`, or `POST /jobs` with the job `hash`. Held fixed: one worker process, a hash sized for 60 ms on this
machine, half as many again asked for as the worker can do, and, beside them, a few short requests to the same worker. The
health of the loop is probed as always.

Inline the queue of the pool grows by half a hash for each that is done, and every caller waits in it: most for over three
hashes. A job is kept in less time than one hash takes, whatever waits. The server gives the pool only as many jobs at once as
it has workers, so a short request waits for one of them and not for all: it is twice as fast at least. The work itself is not
done sooner: the last result is there after about the same time, and 0.7 allows for phases of different speed.

Then jobs come far faster than they can be done, and only ten may wait: others must be refused, and those that were accepted
must all be done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import trio

from ...load.client import fetch
from ...records.figures import Measures, check, measured, of_each
from ...records.load import LoadResult
from ...stage.loaded import Loaded
from ...stage.server import Server
from ...stage.stage import Load, Stage
from ...stage.together import both
from ...stage.until import until, wait_until
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading
from ..sizing import least

_HASH = 0.06  # seconds
_TRIAL = 20_000  # rounds
_LOAD = 1.5  # × what one worker can do
_SHORT = "/worker-hash?rounds=100"
_SHORT_RATE = 10  # per second
_MOST = 10  # jobs that may wait, in the flood
_FLOOD = 20  # × what the worker can do
_FLAGS = ("--workers", "1", "--grace", "0.2")
_DRAINING = 300.0  # seconds: a worker has a low priority, so beside other programs it may take long
_LOOK = 0.02
_COUNTING = 3.0  # seconds: the server looks at its counts twice a second


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """``long``: the requests for hashes. ``short``: those beside them. ``done``: seconds from the first request until the last
    hash was there."""

    long: Loaded
    short: LoadResult
    done: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flood:
    load: LoadResult
    not_done: int
    retry_after: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    runs: Mapping[str, _Run]
    flood: _Flood

    def in_hashes(self, run: str) -> float:
        return self.runs[run].long.load.latency.p90 / _HASH


_OF_EACH: Measures[_Run] = {
    "{}_reply_p90_ms": lambda run: run.long.load.latency.p90 * 1e3,
    "{}_short_p90_ms": lambda run: run.short.latency.p90 * 1e3,
    "{}_health_p90_ms": lambda run: run.long.health.p90 * 1e3,
    "{}_done_s": lambda run: run.done,
}
_RUNS = ("inline", "queued")
_FIGURES: Measures[_Found] = {
    **{
        name: partial(lambda figure, found: figure(found.runs), figure)
        for name, figure in of_each(_RUNS, _OF_EACH).items()
    },
    "inline_in_hashes": lambda found: found.in_hashes("inline"),
    "queued_in_hashes": lambda found: found.in_hashes("queued"),
    "short_gain": lambda found: found.runs["inline"].short.latency.p90 / found.runs["queued"].short.latency.p90,
    "health_in_hashes": lambda found: found.runs["queued"].long.health.p90 / _HASH,
    "done_ratio": lambda found: found.runs["queued"].done / found.runs["inline"].done,
    "refused": lambda found: found.flood.load.requests.shed,
    "accepted": lambda found: found.flood.load.requests.ok,
    "not_done": lambda found: found.flood.not_done,
    "retry_after_s": lambda found: found.flood.retry_after,
}


async def _rounds(stage: Stage) -> int:
    """The rounds of a hash that takes the worker so long."""
    async with stage.server(*_FLAGS) as server:
        took = await least(server, f"/worker-hash?rounds={_TRIAL}", "workerDurationMs")
    return max(1, round(_TRIAL * _HASH * 1e3 / took))


def _body(rounds: int) -> bytes:
    return json.dumps({"job": "hash", "args": {"rounds": rounds}}).encode()


async def _last(server: Server) -> None:
    """One more job, and wait until it has ended: it is behind all others."""
    where = ""

    async def kept() -> bool:
        nonlocal where
        where = (await fetch(f"{server.url}/jobs", body=_body(1), timeout=30.0)).headers.get("location", "")
        return bool(where)

    async def ended() -> bool:
        return bool((await server.get(where))["state"] == "succeeded")

    await wait_until(kept, limit=_DRAINING)
    await wait_until(ended, limit=_DRAINING)


async def _run(stage: Stage, path: str, body: Path | None) -> _Run:
    seconds = max(1.0, stage.seconds(6, quick=2))
    load: Load = {"connections": 200, "rate": _LOAD / _HASH, "duration": seconds}
    if body is not None:
        load["body"] = body
    async with stage.server(*_FLAGS) as server:
        await _last(server)  # also inline: so the server has opened all that it will need
        began = trio.current_time()
        long, short = await both(
            partial(stage.loaded, server, path, **load),
            partial(stage.load, server.url + _SHORT, connections=50, rate=_SHORT_RATE, duration=seconds),
        )
        if body is not None:
            await _last(server)
        return _Run(long=long, short=short, done=trio.current_time() - began)


async def _flood(stage: Stage, body: Path) -> _Flood:
    seconds = max(0.5, stage.seconds(2, quick=0.8))
    async with stage.server(*_FLAGS, "--max-jobs", str(_MOST)) as server:
        await _last(server)
        load, (asked, wait) = await both(
            partial(stage.load, f"{server.url}/jobs", connections=50, rate=_FLOOD / _HASH, duration=seconds, body=body),
            partial(_refusal, server),
        )
        await _last(server)
        accepted = load.requests.ok + asked + 2

        async def done() -> int:
            return (await server.health()).queue("jobs").completions or 0

        async def all_done() -> bool:
            return await done() >= accepted

        await until(all_done, limit=_COUNTING)
        return _Flood(load=load, not_done=accepted - await done(), retry_after=wait)


async def _refusal(server: Server) -> tuple[int, float | None]:
    """Ask until a job is refused: how many were not, and the Retry-After of the refusal."""
    for asked in range(100):
        reply = await fetch(f"{server.url}/jobs", body=_body(1), timeout=30.0)
        if reply.status == 503:
            return asked, float(reply.headers["retry-after"])
        await trio.sleep(_LOOK)
    return 100, None


async def _collect(stage: Stage) -> Collected:
    rounds = await stage.first("rounds", partial(_rounds, stage))
    with TemporaryDirectory() as folder:
        body = Path(folder) / "job.json"
        body.write_bytes(_body(rounds))
        turns = {
            "inline": partial(_run, stage, f"/worker-hash?rounds={rounds}", None),
            "queued": partial(_run, stage, "/jobs", body),
        }
        runs = await stage.once(turns)
        found = _Found(runs=runs, flood=await _flood(stage, body))
    inline, queued = runs["inline"], runs["queued"]
    return Collected(
        figures=measured(_FIGURES, found),
        charts=(
            charts.percentiles(
                "What the caller waits for a reply",
                [("inline", inline.long.load.latency, "bad"), ("queued", queued.long.load.latency, "good")],
                note=f"A hash takes {_HASH * 1e3:g} ms of the one worker, and {_LOAD:g} × as many are asked for as it can do.",
            ),
            charts.percentiles(
                "What a short request to the same worker waits",
                [
                    ("beside inline hashes", inline.short.latency, "bad"),
                    ("beside queued ones", queued.short.latency, "good"),
                ],
            ),
            charts.bars(
                "When the last result was there",
                ("the hashes", "seconds since the first request"),
                [("done", [("inline", inline.done), ("queued", queued.done)], None)],
                note="The work is the same, and so is the worker.",
            ),
        ),
        loads=[inline.long.step],
    )


def _finding(found: Reading) -> str:
    return f"""A caller waited {found.said("inline_reply_p90_ms", "ms")} (p90) for its hash, and
        {found.said("queued_reply_p90_ms", "ms")} for the reply that its job is kept. A short request to that worker took
        {found.said("inline_short_p90_ms", "ms")} beside inline hashes, {found.said("queued_short_p90_ms", "ms")} beside queued
        ones. The last result was there after {found.said("inline_done_s", "s")} and {found.said("queued_done_s", "s")}. With
        places for {_MOST} jobs, so many were accepted in the flood: {found.said("accepted")}; refused:
        {found.said("refused")}; accepted and not done: {found.said("not_done")}."""


EXPERIMENT = Experiment(
    name="background-queue",
    title="Heavy work inline, or in a background queue",
    order=36,
    expected_s=110,
    question="What do callers gain when heavy work becomes a background job, and what if more comes than can be done?",
    prediction="""Inline every caller waits for all hashes that came before its own. As a job it waits until the job is kept,
        which takes less than a hash, and other requests to the same worker wait for the job that runs, and not for the backlog.
        The results are not there any sooner.

        When more jobs come than can be done, those beyond the bound are refused with a 503, and all that were accepted are
        done.""",
    figures=_FIGURES,
    checks=(
        check("p90 of the reply, inline ÷ a hash", "inline_in_hashes", ">=", 3, "×"),
        check("p90 of the reply, queued ÷ a hash", "queued_in_hashes", "<", 1, "×"),
        check("p90 of a short request beside it, inline ÷ queued", "short_gain", ">=", 2, "×"),
        check("/health p90 beside queued hashes ÷ a hash", "health_in_hashes", "<", 0.5, "×"),
        check("the last result is there, queued ÷ inline", "done_ratio", ">=", 0.7, "×"),
        check("jobs refused beyond the bound", "refused", ">=", 1),
        check("jobs accepted and not done", "not_done", "<=", 0),
        check("Retry-After of a refusal", "retry_after_s", ">=", 1, "s"),
    ),
    advice="""Answer at once and work later where the caller does not need the result now. It hides no overload: the backlog
        grows as the queue did, so bound it (`--max-jobs`), watch it (`jobs` in `/health`), and add workers (`trio-lab jobs
        work`) while it grows.""",
    collect=_collect,
    finding=_finding,
    lab=False,
)
