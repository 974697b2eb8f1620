"""SIGKILL to the server while its workers are in a job: in C without the GIL, in C with it, in a loop, asleep.

Over HTTP. After two seconds no worker may be left; then a new server is started on the same port, and is judged as after
every drill by what the first one held when it was young.

The control is `concurrent.futures.ProcessPoolExecutor`, whose processes go on with what they do.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from urllib.parse import urlsplit

import trio

from ...measure.process import children
from ...records.check import Check
from ...records.figures import Figures
from ..aftermath import lives
from ..ground import Ground
from ..model import Drill
from ..poison import BY_NAME
from ..site import Site, kill_quietly, until

_KINDS = ("compute", "hold-gil", "loop", "sleep")
_LIMIT = 2.0


async def _inject(ground: Ground) -> Figures:
    left, slowest, family = 0, 0.0, 0
    for _ in range(ground.count(5, gate=2)):
        async with ground.server(workers=len(_KINDS)) as site:
            before = site.before
            pids = await _occupy(site)
            family += len(pids)
            site.kill()
            begun = time.monotonic()
            await until(lambda: not any(map(lives, pids)), limit=_LIMIT)  # noqa: B023  (used up in this turn)
            slowest = max(slowest, time.monotonic() - begun)
            left += _end([pid for pid in pids if lives(pid)])
            port = urlsplit(site.url).port or 0
    async with ground.server(workers=len(_KINDS), port=port) as again:
        again.before = before
        aftermath = await again.aftermath()
    return {"workers": family, "workers_left": left, "last_gone_after_s": slowest, **aftermath}


async def _occupy(site: Site) -> list[int]:
    """Every worker in a job of its own; the callers are gone by then, the jobs are not."""
    async with trio.open_nursery() as nursery:
        for number, kind in enumerate(_KINDS):
            nursery.start_soon(_ask, site, kind, number)
        if not await until(lambda: len({line.pid for line in site.lines()}) == len(_KINDS), limit=20):
            raise RuntimeError("not all workers have got a job")
        nursery.cancel_scope.cancel()
    return site.pids()


async def _ask(site: Site, kind: str, number: int) -> None:
    with suppress(OSError, trio.TooSlowError):
        await site.fault(kind, number, timeout=60)


def _end(pids: list[int]) -> int:
    """Workers that outlived their parent are ours to end; returns how many there were."""
    return sum(map(kill_quietly, pids))


async def _control(ground: Ground) -> Figures:
    command = [sys.executable, "-c", f"from {__name__} import in_executor; in_executor()"]
    process = await trio.lowlevel.open_process(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with trio.fail_after(30):
        await process.stdout.receive_some()  # they are at work
    pids = children(process.pid)
    try:
        process.kill()
        await process.wait()
        begun = time.monotonic()
        await until(lambda: not any(map(lives, pids)), limit=_LIMIT)
        took = time.monotonic() - begun
    finally:
        left = _end([pid for pid in pids if lives(pid)])
    return {"workers": len(pids), "workers_left": left, "last_gone_after_s": took}


def in_executor() -> None:
    executor = ProcessPoolExecutor(len(_KINDS), mp_context=get_context("fork"))
    for number, kind in enumerate(_KINDS):
        executor.submit(BY_NAME[kind], number, 0)
    time.sleep(0.5)
    os.write(1, b"ready\n")
    time.sleep(3600)


DRILL = Drill(
    name="parent-kill",
    number=16,
    gate=True,
    question="The server is killed while its workers are busy in four ways: does any outlive it?",
    figures=("workers", "workers_left", "last_gone_after_s"),
    checks=(
        Check(claim="workers left after 2 s", figure="workers_left", relation="<=", bound=0),
        Check(claim="the last one was gone after", figure="last_gone_after_s", relation="<=", bound=2.0, unit="s"),
    ),
    inject=_inject,
    control=_control,
    twin="ProcessPoolExecutor",
)
