"""SIGKILL to a random busy worker, again and again, under load.

Over HTTP, at 0.7 of the capacity that is measured first. The jobs log when they begin and end, so what became of each is
known from two sides: what its caller was told, and what was really run. They wait more than they compute: it is the pool
that is under drill, and the machine has to have room for the load and the probes beside it.

Only the jobs on a killed worker may fail, and only with 502; a new worker must be there within a second. Unless at least
one worker was killed while it was busy nothing was tried. The control is `concurrent.futures.ProcessPoolExecutor`, which
gives up as a whole when one of its processes dies.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import Counter
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import trio

from ...records.figures import Figures, check
from ...stage.alone import alone
from ...stage.launch import kill
from ...stage.stage import Stage
from ..model import Drill
from ..poison import LOG_VARIABLE, wait
from ..server import FaultyServer, Line, busy, faulty_server, read_log
from ..workload import capacity, open_workload

_MS = 50
_LOAD = 0.7  # of the capacity
_OK, _BROKEN = 200, 502


def account(lines: list[Line], answers: dict[int, int], killed: set[int]) -> dict[str, float | None]:
    """What became of the jobs ``answers`` tells of, by status."""
    begun = Counter(line.number for line in lines if line.what == "begin")
    ended = {line.number for line in lines if line.what == "end"}
    last = {line.pid: line.number for line in lines}
    excused = {last[pid] for pid in killed if pid in last}
    failed = {number for number, status in answers.items() if status != _OK}
    return {
        "jobs": len(answers),
        "kills": len(killed),
        "failures": len(failed),
        "failures_elsewhere": len(failed - excused),
        "failures_untyped": sum(answers[number] != _BROKEN for number in failed),
        "jobs_lost": sum(status == 0 or (status == _OK and n not in ended) for n, status in answers.items()),
        "jobs_run_twice": sum(begun[number] > 1 for number in answers),
    }


async def _inject(stage: Stage) -> Figures:
    recovered: list[float] = []
    killed: set[int] = set()
    async with faulty_server() as server:

        async def send(number: int) -> Any:
            return await server.fault("wait", number, _MS)

        able = await capacity(send, callers=2 * server.size, seconds=stage.seconds(4, quick=2))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_kill_busy, server, stage.seconds(2, quick=1.5), killed, recovered)
            calls = await open_workload(send, rate=_LOAD * able, seconds=stage.seconds(60, quick=20))
            nursery.cancel_scope.cancel()
        figures = await server.aftermath()
        return {
            "capacity_per_s": able,
            "respawn_max_s": max(recovered, default=None),
            **account(server.lines(), {call.number: call.status for call in calls}, killed),
            **figures,
        }


async def _kill_busy(server: FaultyServer, period: float, killed: set[int], recovered: list[float]) -> None:
    dice = random.Random(1)
    while True:
        await trio.sleep(period)
        candidates = [pid for pid in busy(server.lines()) if pid in server.workers()]
        if candidates and kill(pid := dice.choice(candidates)):
            killed.add(pid)
            recovered.append(await server.until_whole({pid}))


def in_executor(rate: float, seconds: float, period: float) -> dict[str, float | None]:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "jobs")
        log.touch()
        os.environ[LOG_VARIABLE] = str(log)
        executor = ProcessPoolExecutor(2, mp_context=get_context("spawn"))
        executor.submit(wait, 0, 300).result()
        futures: dict[int, Future[int] | None] = {}
        killed: set[int] = set()
        begun = time.monotonic()
        for number in range(1, int(rate * seconds) + 1):
            time.sleep(max(0.0, begun + number / rate - time.monotonic()))
            try:
                futures[number] = executor.submit(wait, number, _MS)
            except Exception:  # it is broken, and stays so
                futures[number] = None
            if time.monotonic() - begun > period and not killed and (found := busy(read_log(log))):
                kill(found[0])
                killed.add(found[0])
        answers = {number: _OK if _is_good(future) else _BROKEN for number, future in futures.items()}
        return account(read_log(log), answers, killed)


def _is_good(future: Future[int] | None) -> bool:
    return future is not None and future.exception(timeout=10) is None


DRILL = Drill(
    name="worker-kill",
    number=1,
    gate=True,
    question="A busy worker is killed every two seconds at 70 % load: who is harmed?",
    figures=("capacity_per_s", "respawn_max_s", *account([], {}, set())),
    checks=(
        check("jobs that failed and were not on a killed worker", "failures_elsewhere", "<=", 0),
        check("failures other than 502", "failures_untyped", "<=", 0),
        check("jobs lost", "jobs_lost", "<=", 0),
        check("jobs run twice", "jobs_run_twice", "<=", 0),
        check("longest time until the killed one is replaced", "respawn_max_s", "<=", 1.0, "s"),
        check("workers killed", "kills", ">=", 1),
    ),
    inject=_inject,
    control=lambda stage: alone(partial(in_executor, rate=28.0, seconds=5.0, period=1.5)),
    twin="ProcessPoolExecutor",
)
