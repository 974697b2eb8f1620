"""End to end: a queue that is registered in one place is in `/health`, first full, and in the report."""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from trio_lab.config import Config
from trio_lab.errors import LabLost
from trio_lab.experiments.model import Collected, Experiment
from trio_lab.experiments.rounds import Round
from trio_lab.experiments.verdict import result_of
from trio_lab.records.conditions import Conditions
from trio_lab.records.figures import Check
from trio_lab.records.result import Results
from trio_lab.report import files
from trio_lab.servers.trio import serving as on_trio
from trio_lab.stage.server import Server, serving
from trio_lab.stage.stage import Stage

from .own_queue import Tickets

BUILT_IN = ["accept_backlog", "run_queue", "admission", "native_pool", "worker_pool", "default_limiter"]


def server_with_tickets(runtime: str) -> AbstractAsyncContextManager[Server]:
    return serving([sys.executable, "-m", "tests.servers.own_queue", runtime])


async def collect(stage: Stage) -> Collected:
    async with server_with_tickets(stage.runtime) as server:
        loaded = await stage.loaded(server, "/wait?ms=1", connections=1, duration=1.0)
    figures = {"ok": float(loaded.load.requests.ok)}
    return Collected(figures=figures, charts=(), loads=[loaded.step])


EXPERIMENT = Experiment(
    name="own-queue",
    title="A queue of its own",
    order=1,
    expected_s=1,
    question="Which queue fills first?",
    prediction="The one that was registered.",
    figures=("ok",),
    checks=(Check(claim="it answers", figure="ok", relation=">", bound=0, unit=""),),
    advice="None.",
    finding=lambda found: "It ran.",
    collect=collect,
)


@pytest.mark.parametrize("runtime", ["trio", "asyncio"])
async def test_it_is_in_health_and_first_full_and_in_the_report(runtime: str, tmp_path: Path) -> None:
    async with server_with_tickets(runtime) as server:
        health = await server.health()
    assert [queue.name for queue in health.queues] == [*BUILT_IN, "tickets"]
    kinds = health.queue("tickets").kinds
    assert kinds is not None
    assert [kind.name for kind in kinds] == ["tickets.adults", "tickets.children"]

    stage = Stage(quick=True, runtime=runtime)
    result = result_of(
        EXPERIMENT, [Round(collected=await collect(stage), conditions=Conditions())], runtime=runtime, duration=1.0
    )
    assert result.first_full == "tickets"
    run = Results(
        created="2026-01-01T00:00:00Z", quick=True, dose=1.0, duration=1.0, environment={}, experiments=(result,)
    )
    assert "first full queue: <code>tickets</code>" in files.save(run, tmp_path).read_text()
    assert files.load(tmp_path).experiments[0].first_full == "tickets"


async def test_two_queues_of_one_name_are_refused_at_the_start() -> None:
    with pytest.raises(LabLost, match="two queues are called 'tickets'"):
        await on_trio.serve(Config(port=0, workers=1), on_ready=lambda *_: None, queues=[Tickets(), Tickets()])
