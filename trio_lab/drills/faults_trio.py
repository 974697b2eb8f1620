"""The fault routes of the Trio server (`faults`), with faults of its own: threads that are all taken.

The look inside also tells which calls wait for a thread of Trio's default limiter, which name look-ups, file I/O and
Trio's own process start share.
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

from ..measure.outward import outward
from ..servers.trio.asgi import TrioApp
from .blocking import compute_here, sum_here
from .faults import Fault, add_routes
from .inside import Inside, SharedThreads

_NEIGHBOUR = "neighbour"
# The purpose of a wait for a thread, by the function of Trio's that wants it.
_VICTIMS = {
    "getaddrinfo": "DNS",
    "getnameinfo": "DNS",
    "_open_process": "process start",
    "open_process": "process start",
}


def add_fault_routes(app: TrioApp) -> None:
    app.queues = (*app.queues, outward(_NEIGHBOUR))
    add_routes(app, _look_inside, lambda job, number, ms: app.lab.worker_pool.run(job, number, ms), _OWN)


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


async def _block(number: int, ms: int) -> dict[str, Any]:
    """Block the loop: by Python if ``number`` is 0, else by a C call that holds the GIL."""
    (compute_here if number == 0 else sum_here)(ms / 1e3)
    return {}


async def _call_out(number: int, ms: int) -> dict[str, Any]:
    """Wait for a neighbour that takes its time."""
    async with outward(_NEIGHBOUR):
        await trio.sleep(ms / 1e3)
    return {}


async def _timed(work: Callable[[], Awaitable[object]], *_: int) -> dict[str, Any]:
    begun = time.perf_counter()
    await work()
    return {"seconds": time.perf_counter() - begun}


_OWN: dict[str, Fault] = {
    "fill-threads": _fill_threads,
    "block": _block,
    "call-out": _call_out,
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
