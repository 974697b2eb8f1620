"""The parts of a service: each opens what it needs, and gives back the function that a request awaits.

The functions that do the work are called alike, so a stall tells its line and cause and not what was planted.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from time import thread_time
from timeit import repeat

import trio

import trio_lab
from trio_lab.pools.workers import open_worker_pool
from trio_lab.records.codec import decode

from . import neighbour
from .jobs import JOBS
from .prescription import VARIABLE, Part, Prescription

Serve = Callable[[], Awaitable[None]]


async def opened(nursery: trio.Nursery) -> Serve:
    """What a request awaits, by the environment. Pools and tasks live in the nursery."""
    found = decode(Prescription, os.environ[VARIABLE].encode())
    for part in found.beside:
        await _BESIDE[part.kind](part, nursery)
    return await _in_a_row(found.request, nursery)


async def _in_a_row(parts: tuple[Part, ...], nursery: trio.Nursery) -> Serve:
    served = [await _OPEN[part.kind](part, nursery) for part in parts]

    async def serve() -> None:
        for one in served:
            await one()

    return serve


async def _loop(part: Part, nursery: trio.Nursery) -> Serve:
    job, seconds = JOBS[part.how], part.ms / 1e3

    async def serve() -> None:
        job(seconds)

    return serve


async def _calls(part: Part, nursery: trio.Nursery) -> Serve:
    """Awaits that never suspend, each of them short and elsewhere in the code."""

    async def parse(text: str) -> list[str]:
        words = text.split(",")
        return [word.strip() for word in words]

    async def check(words: list[str]) -> int:
        known = set(words)
        return sum(word in known for word in words)

    async def render(number: int) -> str:
        row = "".join(chr(97 + (number * at) % 26) for at in range(40))
        return row.title()

    async def serve() -> None:
        end, number = thread_time() + part.ms / 1e3, 0
        while thread_time() < end:
            words = await parse("one, two, three, four, five, six, seven, eight, nine, ten")
            number += await check(words)
            await render(number)

    return serve


async def _steps(part: Part, nursery: trio.Nursery) -> Serve:
    async def serve() -> None:
        for _ in range(part.places):
            await trio.lowlevel.checkpoint()

    return serve


async def _garbage(part: Part, nursery: trio.Nursery) -> Serve:
    kept = [[number] for number in range(part.places * 1_000)]

    async def serve() -> None:
        kept[0].append(0)
        gc.collect()

    return serve


# Seconds of CPU: several times what it takes a thread to send one, so it is the loop that has too much to do.
_CALLBACK = 60e-6


async def _callbacks(part: Part, nursery: trio.Nursery) -> Serve:
    token, limiter = trio.lowlevel.current_trio_token(), trio.CapacityLimiter(4)
    seen = {"count": 0}
    numbers = range(max(1, round(_CALLBACK * 1_500 / min(repeat(lambda: sum(range(1_500)), number=1, repeat=20)))))

    def count() -> None:
        seen["count"] += sum(numbers)

    def send() -> None:
        for _ in range(part.places):
            token.run_sync_soon(count)

    async def serve() -> None:
        await trio.to_thread.run_sync(send, limiter=limiter)

    return serve


async def _gate(part: Part, nursery: trio.Nursery) -> Serve:
    gate = trio_lab.Bulkhead(part.name, capacity=part.places)
    inside = await _in_a_row(part.inside, nursery)

    async def serve() -> None:
        async with gate.place():
            await trio.sleep(part.ms / 1e3)
            await inside()

    return serve


async def _threads(part: Part, nursery: trio.Nursery) -> Serve:
    gate, limiter = trio_lab.Bulkhead(part.name, capacity=part.places), trio.CapacityLimiter(part.places)
    job = partial(JOBS[part.how], part.ms / 1e3)

    async def serve() -> None:
        async with gate.place():
            await trio.to_thread.run_sync(job, limiter=limiter)

    return serve


async def _default(part: Part, nursery: trio.Nursery) -> Serve:
    trio.to_thread.current_default_thread_limiter().total_tokens = part.places
    job = partial(JOBS[part.how], part.ms / 1e3)

    async def serve() -> None:
        await trio.to_thread.run_sync(job)

    return serve


async def _workers(part: Part, nursery: trio.Nursery) -> Serve:
    pool = await nursery.start(_hold_pool, part.places)

    async def serve() -> None:
        await pool.run(JOBS[part.how], part.ms / 1e3)

    return serve


async def _hold_pool(size: int, task_status: trio.TaskStatus[trio_lab.WorkerPool]) -> None:
    async with open_worker_pool(size=size) as pool:
        await pool.wait_ready()
        task_status.started(pool)
        await trio.sleep_forever()


async def _outward(part: Part, nursery: trio.Nursery) -> Serve:
    folder = tempfile.TemporaryDirectory(prefix="service-")
    path = f"{folder.name}/socket"
    command = [sys.executable, "-m", neighbour.__name__, path, str(part.places), str(part.ms)]
    process = await nursery.start(partial(_keep, folder, command))
    await process.stdout.receive_some(1)  # it listens

    async def serve() -> None:
        async with trio_lab.outward(part.name):
            async with await trio.open_unix_socket(path) as stream:
                await stream.send_all(b"?")
                await stream.receive_some(1)

    return serve


async def _keep(
    folder: tempfile.TemporaryDirectory[str], command: list[str], task_status: trio.TaskStatus[trio.Process]
) -> None:
    with folder:
        await trio.run_process(command, stdout=subprocess.PIPE, task_status=task_status)


async def _lock(part: Part, nursery: trio.Nursery) -> Serve:
    limiter = trio.CapacityLimiter(part.places)

    async def serve() -> None:
        async with limiter:
            await trio.sleep(part.ms / 1e3)

    return serve


async def _poll(part: Part, nursery: trio.Nursery) -> None:
    over = False

    async def serve() -> None:
        while not over:
            await trio.lowlevel.checkpoint()

    nursery.start_soon(serve)


async def _crew(part: Part, nursery: trio.Nursery) -> None:
    gate = trio_lab.Bulkhead(part.name, capacity=part.places)

    async def serve() -> None:
        while True:
            async with gate.place():
                await trio.sleep(part.ms / 1e3)

    for _ in range(2 * part.places):
        nursery.start_soon(serve)


_OPEN: dict[str, Callable[[Part, trio.Nursery], Awaitable[Serve]]] = {
    "loop": _loop,
    "calls": _calls,
    "steps": _steps,
    "garbage": _garbage,
    "callbacks": _callbacks,
    "gate": _gate,
    "threads": _threads,
    "default": _default,
    "workers": _workers,
    "outward": _outward,
    "lock": _lock,
}
_BESIDE = {"poll": _poll, "crew": _crew}
