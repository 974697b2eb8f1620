"""Where a job should run: ``python -m trio_lab.subjects.offload SECONDS MS… [--lifeline]``.

Jobs of plain Python of so many milliseconds run one after the other on the loop, in a thread and in a worker process,
SECONDS each. Meanwhile a process of its own (``--echo PORT``) sends a byte and waits for it to come back, again and again:
that is what everybody else feels. What is printed is a row for each place and length, times in milliseconds.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from statistics import median
from typing import Any

import trio

from ..measure.percentile import percentile
from ..pools.native import open_native_pool
from ..pools.workers import open_worker_pool
from ..work import spin
from ..worker.lifeline import tie_life

_PAUSE = 0.002  # seconds between two bytes of the echo
_TRIAL_STEPS = 50_000
_TRIALS = 9  # the fastest counts
_WARM = 5  # jobs in each place before anything is counted

Job = Callable[[int], Awaitable[float]]
Echo = tuple[float, float]  # when it was sent, on the clock that all processes share, and seconds until it was back


async def _on_loop(steps: int) -> float:
    took = spin(steps)
    await trio.lowlevel.checkpoint()
    return took


def _echoes(port: int) -> list[Echo]:
    """Until the other side closes."""
    found: list[Echo] = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while True:
            begun = time.perf_counter()
            try:
                connection.sendall(b".")
                if not connection.recv(1):
                    return found
            except ConnectionError:
                return found
            found.append((begun, time.perf_counter() - begun))
            time.sleep(_PAUSE)


async def _send_back(connected: trio.Event, stream: trio.SocketStream) -> None:
    connected.set()
    async with stream:
        async for data in stream:
            await stream.send_all(data)


async def _phase(job: Job, steps: int, seconds: float) -> dict[str, float]:
    """Run jobs one after the other. ``began`` and ``ended`` are for the echoes that belong to it."""
    took: list[float] = []
    inside: list[float] = []
    began, cpu = time.perf_counter(), time.thread_time()
    while (now := time.perf_counter()) < began + seconds or len(took) < 2:
        inside.append(await job(steps))
        took.append(time.perf_counter() - now)
    ended = time.perf_counter()
    return {
        "began": began,
        "ended": ended,
        "jobs": len(took),
        "compute_ms": median(inside) * 1e3,
        "whole_ms": median(took) * 1e3,
        "loop_cpu_ms": (time.thread_time() - cpu) / len(took) * 1e3,
    }


def _with_echoes(row: dict[str, Any], echoes: list[Echo]) -> dict[str, Any]:
    """Those that were sent while the phase lasted, for its percentiles; an echo that no phase let through tells nothing."""
    began, ended = row.pop("began"), row.pop("ended")
    seen = [took for sent, took in echoes if began <= sent < ended]
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        row[f"echo_{name}_ms"] = percentile(seen, share) * 1e3 if seen else None
    return row


async def _measure(seconds: float, lengths: list[float]) -> list[dict[str, Any]]:
    per_ms = _TRIAL_STEPS / min(spin(_TRIAL_STEPS) for _ in range(_TRIALS)) / 1e3
    rows: list[dict[str, Any]] = []
    async with open_native_pool(size=1) as threads, open_worker_pool(size=1) as workers:
        places: dict[str, Job] = {
            "loop": _on_loop,
            "thread": lambda steps: threads.run(spin, steps),
            "process": lambda steps: workers.run(spin, steps),
        }
        await workers.wait_ready()
        for job in places.values():
            for _ in range(_WARM):
                await job(_TRIAL_STEPS)
        for length in lengths:
            for place, job in places.items():
                rows.append({"place": place, "job_ms": length} | await _phase(job, round(length * per_ms), seconds))
        rows.append({"place": "idle", "job_ms": 0.0} | await _idle(seconds))
    return rows


async def _idle(seconds: float) -> dict[str, float]:
    """No job at all: what the echo takes by itself."""
    began, cpu = time.perf_counter(), time.thread_time()
    await trio.sleep(seconds)
    ended = time.perf_counter()
    return {"began": began, "ended": ended, "jobs": 0, "loop_cpu_share": (time.thread_time() - cpu) / (ended - began)}


async def main(seconds: float, lengths: list[float]) -> None:
    connected = trio.Event()
    said: list[bytes] = []

    async def listen(port: int) -> None:
        command = [sys.executable, "-m", __spec__.name, "--echo", str(port)]
        said.append((await trio.run_process(command, capture_stdout=True)).stdout)

    async with trio.open_nursery() as asking:
        async with trio.open_nursery() as serving:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            handler = partial(_send_back, connected)
            serving.start_soon(partial(trio.serve_listeners, handler, listeners, handler_nursery=serving))
            asking.start_soon(listen, listeners[0].socket.getsockname()[1])
            await connected.wait()
            rows = await _measure(seconds, lengths)
            serving.cancel_scope.cancel()  # which closes the connection, and so ends whoever asks
    echoes: list[Echo] = json.loads(said[0])
    json.dump({"rows": [_with_echoes(row, echoes) for row in rows]}, sys.stdout)


if __name__ == "__main__":
    if sys.argv[1] == "--echo":
        json.dump(_echoes(int(sys.argv[2])), sys.stdout)
    else:
        if "--lifeline" in sys.argv:
            tie_life(0)
        words = [float(word) for word in sys.argv[1:] if not word.startswith("--")]
        trio.run(main, words[0], words[1:])
