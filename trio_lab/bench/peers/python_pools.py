"""Jobs that do nothing, through one Python pool: ours or a peer.

``python -m trio_lab.bench.peers.python_pools POOL CALLERS AHEAD SECONDS`` prints jobs per second as JSON. Two workers;
CALLERS tasks that each call again when they have their answer. AHEAD is for ours alone, 0 for its default.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter
from typing import Any

import trio

from trio_lab.work import nothing  # absolute, like all here: anyio runs this file in its children by its path

WORKERS = 2
_WARM_UP = 0.5  # seconds until workers live and code is warm

Call = Callable[[], Awaitable[None]]


class Meter:
    """Callers count here; `rate` is told what to sleep with, so that it serves both loops."""

    def __init__(self) -> None:
        self.done = 0
        self.running = True

    async def call_on(self, call: Call) -> None:
        while self.running:
            await call()
            self.done += 1

    async def rate(self, sleep: Callable[[float], Awaitable[None]], seconds: float) -> float:
        await sleep(_WARM_UP)
        before, begun = self.done, perf_counter()
        await sleep(seconds)
        rate = (self.done - before) / (perf_counter() - begun)
        self.running = False
        return rate


async def _on_trio(call: Call, callers: int, seconds: float) -> float:
    meter = Meter()
    async with trio.open_nursery() as nursery:
        for _ in range(callers):
            nursery.start_soon(meter.call_on, call)
        return await meter.rate(trio.sleep, seconds)


async def _ours(callers: int, ahead: int, seconds: float) -> float:
    from trio_lab import open_worker_pool

    limits: dict[str, Any] = {"ahead": ahead} if ahead else {}
    async with open_worker_pool(size=WORKERS, queue_timeout=5, run_timeout=30, **limits) as pool:
        await pool.wait_ready()
        rate = await _on_trio(lambda: pool.run(nothing), callers, seconds)
        counted = pool.statistics().completions
        if counted is None or counted < 0.9 * rate * seconds:
            raise RuntimeError(f"the pool's own statistics know of {counted} jobs only")
        return rate


async def _trio_parallel(callers: int, _: int, seconds: float) -> float:
    import trio_parallel  # type: ignore[import-not-found,import-untyped,unused-ignore] # a peer that may be missing

    limiter = trio.CapacityLimiter(WORKERS)
    return await _on_trio(lambda: trio_parallel.run_sync(nothing, limiter=limiter), callers, seconds)


async def _anyio(callers: int, _: int, seconds: float) -> float:
    import anyio  # type: ignore[import-not-found,unused-ignore] # a peer that may be missing
    import anyio.to_process

    limiter = anyio.CapacityLimiter(WORKERS)
    return await _on_trio(lambda: anyio.to_process.run_sync(nothing, limiter=limiter), callers, seconds)


async def _executor(callers: int, _: int, seconds: float) -> float:
    with ProcessPoolExecutor(WORKERS) as pool:
        loop, meter = asyncio.get_running_loop(), Meter()

        async def call() -> None:
            await loop.run_in_executor(pool, nothing)

        tasks = [asyncio.create_task(meter.call_on(call)) for _ in range(callers)]
        rate = await meter.rate(asyncio.sleep, seconds)
        await asyncio.gather(*tasks)
        return rate


def main(pool: str, callers: int, ahead: int, seconds: float) -> None:
    if pool == "ProcessPoolExecutor":
        rate = asyncio.run(_executor(callers, ahead, seconds))
    else:
        run = {"trio_lab": _ours, "trio-parallel": _trio_parallel, "anyio": _anyio}[pool]
        rate = trio.run(run, callers, ahead, seconds)
    print(json.dumps({"jobs_per_s": rate}))  # noqa: T201  (a child's answer)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
