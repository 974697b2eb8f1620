"""SIGKILL to the server while its workers are in a job: in C without the GIL, in C with it, in a loop, asleep.

Over HTTP, several times. After two seconds no worker may be left: a worker ends with its lifeline, which needs neither the
GIL nor the job's consent, so it takes milliseconds, and two seconds leave room for a busy machine. Then a new server is
started on the same port, and is judged as after every drill by what the first one held at its start.

The control is `concurrent.futures.ProcessPoolExecutor`, whose processes go on with what they do.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context

import trio

from ...measure.process import children, lives
from ...records.figures import Figures, check
from ...stage.launch import kill, talking
from ...stage.stage import Stage
from ...stage.until import until, wait_until
from ..ending import successors_aftermath
from ..model import Drill
from ..poison import BY_NAME
from ..server import FaultyServer, faulty_server

_KINDS = ("compute", "hold-gil", "loop", "sleep")
_LIMIT = 2.0


async def _inject(stage: Stage) -> Figures:
    left, slowest, family = 0, 0.0, 0
    for _ in range(stage.count(5, quick=2)):
        async with faulty_server(workers=len(_KINDS)) as server:
            pids = await _occupy(server)
            family += len(pids)
            server.child.kill()
            took, outlived = await _gone(pids)
            slowest, left = max(slowest, took), left + outlived
    aftermath = await successors_aftermath(server, runtime="trio")
    return {"workers": family, "workers_left": left, "last_gone_after_s": slowest, **aftermath}


async def _occupy(server: FaultyServer) -> list[int]:
    """Every worker in a job of its own; the callers are gone by then, the jobs are not."""
    async with trio.open_nursery() as nursery:
        for number, kind in enumerate(_KINDS):
            nursery.start_soon(_ask, server, kind, number)
        await wait_until(lambda: len({line.pid for line in server.lines()}) == len(_KINDS), limit=20)
        nursery.cancel_scope.cancel()
    return server.workers()


async def _ask(server: FaultyServer, kind: str, number: int) -> None:
    with suppress(OSError, trio.TooSlowError):
        await server.fault(kind, number, timeout=60)


async def _gone(pids: list[int]) -> tuple[float, int]:
    """Seconds until the last of them was gone, and how many were not in time; those are ended here."""
    begun = time.monotonic()
    await until(lambda: not any(map(lives, pids)), limit=_LIMIT, period=0.005)
    took = time.monotonic() - begun
    return took, sum(kill(pid) for pid in pids if lives(pid))


async def _control(stage: Stage) -> Figures:
    async with talking([sys.executable, "-c", f"from {__name__} import in_executor; in_executor()"]) as child:
        with trio.fail_after(30):
            await child.hear()  # they are at work
        pids = children(child.process.pid)
        child.kill()
        await child.process.wait()
        took, left = await _gone(pids)
    return {"workers": len(pids), "workers_left": left, "last_gone_after_s": took}


def in_executor() -> None:
    executor = ProcessPoolExecutor(len(_KINDS), mp_context=get_context("fork"))
    for number, kind in enumerate(_KINDS):
        executor.submit(BY_NAME[kind], number, 0)
    time.sleep(0.5)
    os.write(1, b'"ready"\n')
    time.sleep(3600)


DRILL = Drill(
    name="parent-kill",
    number=16,
    gate=True,
    question="The server is killed while its workers are busy in four ways: does any outlive it?",
    figures=("workers", "workers_left", "last_gone_after_s"),
    checks=(
        check("workers left after 2 s", "workers_left", "<=", 0),
        check("the last one was gone after", "last_gone_after_s", "<=", 2.0, "s"),
    ),
    inject=_inject,
    control=_control,
    twin="ProcessPoolExecutor",
)
