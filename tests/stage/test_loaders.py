"""End to end: a load that another process runs is the one that was asked for."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from tests.diagnose.test_gathering import IDLE
from tests.records.loads import RESULT
from trio_lab.errors import ChildLost, UsageError
from trio_lab.load.patience import Patience
from trio_lab.load.retry import Retry
from trio_lab.records.load import LoadResult
from trio_lab.stage import loaders as module
from trio_lab.stage.loaders import Loaders
from trio_lab.stage.stage import Stage


async def test_patience_and_retries_reach_the_generator() -> None:
    async def hold(stream: trio.SocketStream) -> None:
        async with stream:
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        listener, *_ = await nursery.start(trio.serve_tcp, hold, 0)
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/"
        found = await Stage(quick=True).load(
            url,
            connections=2,
            stages=((0.3, 20.0),),
            leave_after=Patience(seconds=(0.02, 0.03)),
            retry=Retry(most=1, first=0.01),
        )
        nursery.cancel_scope.cancel()
    assert found.retries is not None
    assert found.retries.retries > 0
    assert found.requests.timed_out == found.requests.sent
    assert found.latency.max < 5.0


PROGRAM = """
import os
print('{"ready": true}', flush=True)
while input(): print('{"error": "%d"}' % os.getpid(), flush=True)
"""


async def test_generators_that_are_ready_are_used_before_another_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_COMMAND", [sys.executable, "-I", "-S", "-c", PROGRAM])
    loaders, used = Loaders(), []

    async def load() -> None:
        with pytest.raises(RuntimeError) as told:
            await loaders.load({"url": ""})
        used.append(int(str(told.value).rpartition(" ")[2]))

    async with loaders.open():
        for count in (2, 1):
            await loaders.ready(count)
            assert len(loaders._idle) == 2
        ready = {child.process.pid for child in loaders._idle}
        async with trio.open_nursery() as nursery:
            for _ in ready:
                nursery.start_soon(load)
    assert set(used) == ready
    assert os.getpid() not in ready


async def test_a_load_that_makes_no_sense_is_told_apart_from_one_that_failed() -> None:
    with pytest.raises(UsageError, match="the load cannot be run: connections"):
        await Loaders().load({"url": "http://127.0.0.1:1", "connections": 0})
    with pytest.raises(ChildLost, match="unexpected keyword argument 'nothing'"):
        await Loaders().load({"url": "http://127.0.0.1:1", "nothing": 0})


async def test_a_generator_does_not_mind_ctrl_c() -> None:
    """It is for the program that has started it, which ends the generator."""
    loaders = Loaders()
    async with loaders.open():
        await loaders.ready(1)
        [child] = loaders._idle
        os.kill(child.process.pid, signal.SIGINT)
        with pytest.raises(UsageError):
            await loaders.load({"url": "http://127.0.0.1:1", "connections": 0})


async def test_load_and_probe_begin_together_when_one_generator_was_there_before(autojump_clock: object) -> None:
    happened: list[object] = []

    class Told(Loaders):
        async def ready(self, count: int) -> None:
            happened.append(count)

        async def load(self, plan: Mapping[str, Any]) -> LoadResult:
            happened.append(plan["url"])
            await trio.sleep(plan["duration"])
            return RESULT

    async def health(*, reset: bool = False) -> Any:
        return IDLE

    stage, server = Stage(quick=True), SimpleNamespace(url="http://here", health=health, cpu_seconds=lambda: 0.0)
    stage._loaders = Told()
    await stage.loaded(server, "/hash", connections=1, duration=1.0)  # type: ignore[arg-type]
    assert happened == [2, "http://here/health?reset=0", "http://here/hash"]
