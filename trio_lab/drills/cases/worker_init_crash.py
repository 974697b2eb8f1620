"""Workers die while they start: how often are they started, what do callers get, and does it heal?

Varied: when they die. Before they can say that they are ready, and as soon as they have said it, when the pool already
counts on them and has sent a job. Each figure is the worse of the two. Two callers never rest, one with 10 bytes, the
other with 1 MB: a large call to a worker that is dying is where other pools hang. Five starts in ten seconds are the
pool's restart budget; a refusal needs no worker, so it must come within 50 ms; after the fault the next start may be as
far away as that budget, hence 10 s.

The pool is driven directly, in a process of its own: the command of its children is replaced by one that dies as long as
a certain file exists, and a server has no option for that. `RestartLimitReached` is what becomes a 503 with Retry-After.
The control is `multiprocessing.Pool`, which starts worker after worker and tells its callers nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import trio

from ...errors import BrokenWorkerError, RestartLimitReached
from ...measure.process import children
from ...pools.workers import WorkerPool, open_worker_pool
from ...records.figures import Figures, check
from ...stage.alone import alone
from ...stage.launch import kill
from ...stage.stage import Stage
from ...stage.until import until
from ...work import echo
from ..aftermath import watched_pool
from ..logged import most_within
from ..model import Drill

_SIZES = (10, 1_000_000)
_HEALING = 30.0  # seconds until it counts as never

# What a child runs: note the start, die while the file exists (early, or as soon as it is ready), else be a worker.
_WRAPPER = """
import os, sys, time
log = os.open({spawns!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.write(log, b"%f\\n" % time.monotonic()); os.close(log)
if {early} and os.path.exists({fault!r}): os._exit(3)
sys.path.append({root!r})
from trio_lab.worker import child
serve = child.Jobs.serve
child.Jobs.serve = lambda jobs: os._exit(3) if os.path.exists({fault!r}) else serve(jobs)
child.main()
"""


class _Place:
    """The folder in which the fault is switched, and starts are noted."""

    def __init__(self, folder: str) -> None:
        self.fault = Path(folder, "fault")
        self.spawns = Path(folder, "spawns")
        self.spawns.touch()

    def starts(self, since: float) -> list[float]:
        return [at for at in map(float, self.spawns.read_text().split()) if at >= since]


class _Callers:
    """Callers that never rest, and what they are told."""

    def __init__(self) -> None:
        self.refused: list[float] = []  # seconds until the refusal, of calls made when one was known already
        self.retry_after: list[float] = []
        self.broken = 0

    async def call(self, pool: WorkerPool, size: int) -> None:
        body = b"x" * size
        while True:
            known, begun = bool(self.retry_after), time.monotonic()
            try:
                await pool.run(echo, body)
            except RestartLimitReached as error:
                if known:
                    self.refused.append(time.monotonic() - begun)
                self.retry_after.append(error.retry_after)
            except BrokenWorkerError:
                self.broken += 1
            await trio.sleep(0.02)


def _figures(starts: list[float], callers: _Callers, seconds: float) -> dict[str, float | None]:
    return {
        "starts": len(starts),
        "starts_in_10_s": most_within(starts, 10.0),
        "refusals": len(callers.retry_after),
        "broken": callers.broken,
        "refusal_max_ms": max(callers.refused, default=seconds) * 1e3,
        "retry_after_min_s": min(callers.retry_after, default=0.0),
    }


async def in_pool(seconds: float, early: bool) -> dict[str, float | None]:
    figures: dict[str, float | None] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = _Place(folder)
        root = str(Path(__file__).parents[3])
        wrapper = _WRAPPER.format(spawns=str(place.spawns), fault=str(place.fault), root=root, early=early)
        command = [sys.executable, "-P", "-c", wrapper]
        async with watched_pool(open_worker_pool(size=2, command=command), figures) as pool:
            place.fault.touch()
            begun, callers = time.monotonic(), _Callers()
            for pid in pool.pids():
                kill(pid)
            with trio.move_on_after(seconds):
                async with trio.open_nursery() as nursery:
                    for size in _SIZES:
                        nursery.start_soon(callers.call, pool, size)
            starts = place.starts(begun)
            place.fault.unlink()
            figures |= _figures(starts, callers, seconds) | {"healed_after_s": await _healing(pool)}
    return figures


async def _healing(pool: WorkerPool) -> float:
    async def works() -> bool:
        with suppress(RestartLimitReached, BrokenWorkerError):
            return bool(await pool.run(echo, 1))
        return False

    took = await until(works, limit=_HEALING, period=0.05)
    return _HEALING if took is None else took


async def _inject(stage: Stage) -> Figures:
    seconds = stage.seconds(25, quick=12)
    early, late = [await alone(partial(in_pool, seconds, early)) for early in (True, False)]
    figures = {name: max(value or 0.0, late[name] or 0.0) for name, value in early.items()}
    for name in ("refusals", "retry_after_min_s"):  # more of these is better
        figures[name] = min(early[name] or 0.0, late[name] or 0.0)
    return figures | {"late_starts_in_10_s": late["starts_in_10_s"], "early_starts_in_10_s": early["starts_in_10_s"]}


def _start(spawns: str, fault: str) -> None:
    with open(spawns, "a") as log:
        log.write(f"{time.monotonic()}\n")
    if os.path.exists(fault):
        os._exit(3)


def in_multiprocessing(seconds: float) -> dict[str, float | None]:
    with tempfile.TemporaryDirectory() as folder:
        place = _Place(folder)
        pool = multiprocessing.get_context("fork").Pool(2, _start, (str(place.spawns), str(place.fault)))
        pool.apply(echo, (1,))
        place.fault.touch()
        begun = time.monotonic()
        for pid in children(os.getpid()):
            kill(pid)
        answers = [pool.apply_async(echo, (b"x" * size,)) for size in _SIZES * 5]
        time.sleep(seconds)
        starts = place.starts(begun)
        answered = sum(answer.ready() for answer in answers)
        return {
            "starts": len(starts),
            "starts_in_10_s": most_within(starts, 10.0),
            "refusals": answered,
            "refusal_max_ms": seconds * 1e3,  # so long we waited; none would ever have come
        }


DRILL = Drill(
    name="worker-init-crash",
    number=2,
    gate=True,
    question="Workers die as soon as they are started: does the pool spin, do callers hang, does it heal?",
    figures=(*_figures([], _Callers(), 0), "healed_after_s", "early_starts_in_10_s", "late_starts_in_10_s"),
    checks=(
        check("starts in any 10 s", "starts_in_10_s", "<=", 5),
        check("callers that were refused", "refusals", ">=", 1),
        check("longest wait for a refusal", "refusal_max_ms", "<=", 50, "ms"),
        check("shortest Retry-After", "retry_after_min_s", ">", 0, "s"),
        check("works again after the fault ended", "healed_after_s", "<=", 10, "s"),
    ),
    inject=_inject,
    control=lambda stage: alone(partial(in_multiprocessing, 3.0)),
    twin="multiprocessing.Pool",
)
