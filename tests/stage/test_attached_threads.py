"""End to end: programs on asyncio that know nothing of trio_lab fill the threads that all of their code shares."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import trio

from trio_lab.load.client import fetch
from trio_lab.load.generator import run_load
from trio_lab.load.plan import LoadPlan
from trio_lab.stage.attached import Attached, attached
from trio_lab.stage.track import Track

PROGRAMS = Path(__file__).parents[1] / "attach" / "programs"
UVICORN = [sys.executable, "-m", "uvicorn", "--port", "0", "--log-level", "warning", "fastapi_app:app"]
PLAIN = [sys.executable, "to_thread.py"]


@pytest.mark.parametrize(
    ("command", "path", "first", "size"),
    [
        (UVICORN, "/question", "default_limiter", 40),
        (PLAIN, "/", "default_executor", None),
        ([*PLAIN, "uvloop"], "/", "default_executor", None),
    ],
    ids=["FastAPI", "asyncio", "uvloop"],
)
async def test_the_default_threads_are_the_first_queue(
    monkeypatch: pytest.MonkeyPatch, command: list[str], path: str, first: str, size: int | None
) -> None:
    monkeypatch.chdir(PROGRAMS)
    async with attached(command, stderr=-3) as service:
        await fetch(service.url + path)  # from then on there are such threads
        assert service.blind_to == ()
        track = Track()
        await loaded(service, track, path)
    timeline = track.timeline()
    assert timeline is not None
    assert [phase.first_full for phase in timeline.phases] == [first]
    [queue] = [queue for queue in timeline.queues if queue.name == first]
    assert size in (None, queue.capacity)
    assert max(filter(None, queue.waiting)) > 10


async def loaded(service: Attached, track: Track, path: str) -> None:
    async def look() -> None:
        while True:
            if (health := await service.sample()) is not None:
                track.see(health)
                seen.set()
            await trio.sleep(0.05)

    seen = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        await seen.wait()
        asked = track.now()
        done = await run_load(LoadPlan(url=service.url + path, connections=60, duration=0.5, timeout=20.0))
        track.load("full", asked, done.result)
        nursery.cancel_scope.cancel()
    assert done.result.requests.ok
