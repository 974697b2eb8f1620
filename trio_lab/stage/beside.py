"""What /health feels beside calls that come now and then, one path after the other.

A program of its own, and only one: where calls are few there is no load to generate, and starting two processes for every
path would take longer than all the measuring.

    python -m trio_lab.stage.beside URL SECONDS CALLS_PER_SECOND PATH...
"""

from __future__ import annotations

import json
import sys
from statistics import median
from typing import Any

import trio

from ..load.client import fetch
from ..load.generator import run_load
from ..load.plan import LoadPlan
from ..measure.percentile import percentile
from ..worker.lifeline import tie_life

_PROBE_RATE = 50  # as the stage's own probe has it
_PROBE_CONNECTIONS = 50
_PATIENCE = 60.0  # seconds
_LEAD = 0.6  # seconds that the probe runs before the first call: its own connecting is not the call's doing


async def beside(url: str, path: str, seconds: float, rate: float) -> dict[str, Any]:
    """The 99th percentile of /health, and the median that a call took, in milliseconds; None when there was none."""
    latencies: list[float] = []

    async def call() -> None:
        latencies.append((await fetch(url + path, timeout=_PATIENCE)).latency)

    async def keep_calling(calls: trio.Nursery) -> None:
        begun = trio.current_time() + _LEAD
        for number in range(max(1, int(seconds * rate))):
            await trio.sleep_until(begun + number / rate)
            calls.start_soon(call)

    async with trio.open_nursery() as calls:
        calls.start_soon(keep_calling, calls)
        probe = await run_load(
            LoadPlan(
                url=f"{url}/health?reset=0",
                connections=_PROBE_CONNECTIONS,
                rate=_PROBE_RATE,
                duration=_LEAD + seconds,
                timeout=_PATIENCE,
                keep_samples=True,
            )
        )
    asked = [latency for begun, latency in probe.result.by_start() if begun >= _LEAD]
    return {
        "health_p99_ms": percentile(asked, 0.99) * 1e3 if asked else None,
        "call_ms": round(median(latencies) * 1e3, 3) if latencies else None,
    }


async def main(*words: str) -> None:
    url, seconds, rate, *paths = words
    phases = {path: await beside(url, path, float(seconds), float(rate)) for path in paths}
    json.dump(phases, sys.stdout)


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--lifeline"]
    if len(words) < len(sys.argv) - 1:
        tie_life(0)
    trio.run(main, *words)
