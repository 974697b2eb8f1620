"""The routes that `trio-lab serve --faults` adds, for drills: jobs that go wrong, and a look inside the process.

``GET /fault/<name>?id=&ms=`` runs a job of `poison.BY_NAME` in the worker pool; its error gets the status that it has on
every route. A few names are faults of the server itself, and run here. ``GET /fault`` tells what only the process knows:
how many tasks live, and which calls wait for a thread of Trio's default limiter, which name look-ups, file I/O and Trio's
own process start share.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import trio
from quart import Response, request

from ..http.answers import reply
from ..http.query import BadQuery, integer
from ..records.codec import to_plain
from ..servers.trio.asgi import TrioApp
from .inside import Inside, SharedThreads
from .poison import BY_NAME

_MAX_ID = 10_000_000
_MAX_MS = 60_000

# The purpose of a wait for a thread, by the function of Trio's that wants it.
_VICTIMS = {
    "getaddrinfo": "DNS",
    "getnameinfo": "DNS",
    "_open_process": "process start",
    "open_process": "process start",
}


def add_fault_routes(app: TrioApp) -> None:
    @app.get("/fault")
    async def _inside() -> Response:
        return reply(to_plain(_look_inside()))

    @app.get("/fault/<name>")
    async def _fault(name: str) -> Response:
        number = integer(request.args, "id", default=0, low=0, high=_MAX_ID)
        ms = integer(request.args, "ms", default=20, low=0, high=_MAX_MS)
        if name in _HERE:
            return reply(await _HERE[name](number, ms))
        if name not in BY_NAME:
            raise BadQuery(f"no fault has this name; known are {', '.join([*BY_NAME, *_HERE])}")
        return reply({"result": await app.lab.worker_pool.run(BY_NAME[name], number, ms)})


async def _fill_threads(count: int, ms: int) -> dict[str, Any]:
    """Fill Trio's default threads with so many blocking calls, and allow no more threads meanwhile."""
    limiter = trio.to_thread.current_default_thread_limiter()
    usual, limiter.total_tokens = limiter.total_tokens, max(1, count)
    try:
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(trio.to_thread.run_sync, time.sleep, ms / 1e3)
    finally:
        limiter.total_tokens = usual
    return {"filled": count}


async def _timed(work: Callable[[], Awaitable[object]], *_: int) -> dict[str, Any]:
    begun = time.perf_counter()
    await work()
    return {"seconds": time.perf_counter() - begun}


_HERE: dict[str, Callable[[int, int], Awaitable[dict[str, Any]]]] = {
    "fill-threads": _fill_threads,
    "look-up": partial(_timed, partial(trio.socket.getaddrinfo, "localhost", 80)),
    # Starts a process by Trio's own means.
    "start-plainly": partial(
        _timed, partial(trio.run_process, [sys.executable, "-S", "-c", ""], stdout=subprocess.DEVNULL)
    ),
}


def _look_inside() -> Inside:
    threads = trio.to_thread.current_default_thread_limiter().statistics()
    return Inside(
        tasks=trio.lowlevel.current_statistics().tasks_living,
        shared_threads=SharedThreads(
            capacity=threads.total_tokens,
            in_service=threads.borrowed_tokens,
            waiting=threads.tasks_waiting,
            victims=_victims() if threads.tasks_waiting else {},
        ),
    )


def _victims() -> dict[str, int]:
    """What waits for a thread, found by walking the tasks: an acquire of a limiter, and the function that wants it."""
    found: Counter[str] = Counter()
    tasks = [trio.lowlevel.current_root_task()]
    while tasks:
        task = tasks.pop()
        if task is None:
            continue
        tasks += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
        calls = [frame.f_code.co_name for frame, _ in task.iter_await_frames()]
        if "acquire_on_behalf_of" in calls and "to_thread_run_sync" in calls:
            found[next((_VICTIMS[call] for call in reversed(calls) if call in _VICTIMS), "other")] += 1
    return dict(found)
