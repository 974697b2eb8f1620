"""Jobs that do nothing, through one Python pool with two workers: ours or a peer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter

import trio

from ...pools.limits import PoolLimits
from ...pools.workers import open_worker_pool
from ...work import nothing

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


async def _ours(callers: int, ahead: int | None, seconds: float) -> float:
    limits = PoolLimits() if ahead is None else PoolLimits(ahead=ahead)
    async with open_worker_pool(size=WORKERS, queue_timeout=5, run_timeout=30, ahead=limits.ahead) as pool:
        await pool.wait_ready()
        rate = await _on_trio(lambda: pool.run(nothing), callers, seconds)
        counted = pool.statistics().completions
        if counted is None or counted < 0.9 * rate * seconds:
            raise RuntimeError(f"the pool's own statistics know of {counted} jobs only")
        return rate


async def _trio_parallel(callers: int, seconds: float) -> float:
    import trio_parallel  # type: ignore[import-not-found,import-untyped,unused-ignore] # a peer that may be missing

    limiter = trio.CapacityLimiter(WORKERS)
    return await _on_trio(lambda: trio_parallel.run_sync(nothing, limiter=limiter), callers, seconds)


async def _anyio(callers: int, seconds: float) -> float:
    import anyio  # type: ignore[import-not-found,unused-ignore] # a peer that may be missing
    import anyio.to_process

    limiter = anyio.CapacityLimiter(WORKERS)
    return await _on_trio(lambda: anyio.to_process.run_sync(nothing, limiter=limiter), callers, seconds)


async def _executor(callers: int, seconds: float) -> float:
    with ProcessPoolExecutor(WORKERS) as pool:
        loop, meter = asyncio.get_running_loop(), Meter()

        async def call() -> None:
            await loop.run_in_executor(pool, nothing)

        tasks = [asyncio.create_task(meter.call_on(call)) for _ in range(callers)]
        rate = await meter.rate(asyncio.sleep, seconds)
        await asyncio.gather(*tasks)
        return rate


def jobs_per_s(pool: str, callers: int, ahead: int | None, seconds: float) -> float:
    """``callers`` tasks call again as soon as they have their answer. ``ahead`` is an option of our pool alone."""
    if pool == "ProcessPoolExecutor":
        return asyncio.run(_executor(callers, seconds))
    if pool == "trio_lab":
        return trio.run(_ours, callers, ahead, seconds)
    return trio.run({"trio-parallel": _trio_parallel, "anyio": _anyio}[pool], callers, seconds)
