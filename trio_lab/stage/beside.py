"""What /health feels beside calls that come now and then, one path after the other.

All of it runs in one process: where calls are few there is no load to generate, and starting two processes for every path
would take longer than all the measuring.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

import trio

from ..load.client import fetch
from ..load.generator import run_load
from ..load.plan import LoadPlan
from ..measure.percentile import percentile

_PROBE_RATE = 50  # as the stage's own probe has it
_PROBE_CONNECTIONS = 50
_PATIENCE = 60.0  # seconds
_LEAD = 0.6  # seconds that the probe runs before the first call: its own connecting is not the call's doing


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The 99th percentile of /health, and the median that a call took. Seconds; None when there was none."""

    health_p99: float | None
    call: float | None


async def beside(url: str, paths: list[str], *, seconds: float, rate: float) -> dict[str, Beside]:
    """By path; each is called ``rate`` times a second for so many ``seconds``."""
    return {path: await _beside(url, path, seconds, rate) for path in paths}


async def _beside(url: str, path: str, seconds: float, rate: float) -> Beside:
    latencies: list[float] = []

    async def call() -> None:
        latencies.append((await fetch(url + path, timeout=_PATIENCE)).latency)

    async def keep_calling(calls: trio.Nursery) -> None:
        begun = trio.current_time() + _LEAD
        for number in range(max(1, int(seconds * rate))):
            await trio.sleep_until(begun + number / rate)
            calls.start_soon(call)

    plan = LoadPlan(
        url=f"{url}/health?reset=0",
        connections=_PROBE_CONNECTIONS,
        rate=_PROBE_RATE,
        duration=_LEAD + seconds,
        timeout=_PATIENCE,
        keep_samples=True,
    )
    async with trio.open_nursery() as calls:
        calls.start_soon(keep_calling, calls)
        probe = (await run_load(plan)).result
    asked = [latency for begun, latency in probe.by_start() if begun >= _LEAD]
    return Beside(health_p99=percentile(asked, 0.99) if asked else None, call=median(latencies) if latencies else None)
