"""Where a job should run: on the loop, in a thread or in a worker process.

Jobs of plain Python run one after the other in each place. Meanwhile a process of its own, ``python -m
trio_lab.subjects.offload PORT``, sends a byte and waits for it to come back, again and again: that is what others feel.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import trio

from ..measure.percentile import percentile
from ..pools.native import open_native_pool
from ..pools.workers import open_worker_pool
from ..work import spin

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
        with suppress(ConnectionError):
            while True:
                begun = time.perf_counter()
                connection.sendall(b".")
                if not connection.recv(1):
                    break
                found.append((begun, time.perf_counter() - begun))
                time.sleep(_PAUSE)
    return found


async def _send_back(connected: trio.Event, stream: trio.SocketStream) -> None:
    connected.set()
    async with stream:
        async for data in stream:
            await stream.send_all(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Jobs of one length in one place. Seconds; medians of one job, ``compute`` of the computing alone. ``loop_cpu`` is
    the CPU time that the loop's thread used for each. The echo is None when the loop let none through."""

    place: str
    length: float
    jobs: int
    compute: float
    whole: float
    loop_cpu: float
    echo_p50: float | None = None
    echo_p99: float | None = None


Timed = tuple[Phase, float, float]  # and when it began and ended


async def _phase(place: str, length: float, job: Job, steps: int, seconds: float) -> Timed:
    """Run jobs one after the other."""
    took: list[float] = []
    inside: list[float] = []
    began, cpu = time.perf_counter(), time.thread_time()
    while (now := time.perf_counter()) < began + seconds or len(took) < 2:
        inside.append(await job(steps))
        took.append(time.perf_counter() - now)
    ended, used = time.perf_counter(), time.thread_time() - cpu
    phase = Phase(
        place=place,
        length=length,
        jobs=len(took),
        compute=median(inside),
        whole=median(took),
        loop_cpu=used / len(took),
    )
    return phase, began, ended


def _with_echoes(timed: Timed, echoes: list[Echo]) -> Phase:
    """With the percentiles of the echoes that were sent while the phase lasted."""
    phase, began, ended = timed
    if not (seen := [took for sent, took in echoes if began <= sent < ended]):
        return phase
    return replace(phase, echo_p50=percentile(seen, 0.5), echo_p99=percentile(seen, 0.99))


async def _measure(seconds: float, lengths: list[float]) -> list[Timed]:
    per_second = _TRIAL_STEPS / min(spin(_TRIAL_STEPS) for _ in range(_TRIALS))
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
        return [
            await _phase(place, length, job, round(length * per_second), seconds)
            for length in lengths
            for place, job in places.items()
        ]


async def offloaded(seconds: float, lengths: list[float]) -> tuple[Phase, ...]:
    """Every length in every place, ``seconds`` each; lengths in seconds."""
    connected = trio.Event()
    said: list[bytes] = []

    async def listen(port: int) -> None:
        command = [sys.executable, "-m", __name__, str(port)]
        said.append((await trio.run_process(command, capture_stdout=True)).stdout)

    async with trio.open_nursery() as asking:
        async with trio.open_nursery() as serving:
            serve = partial(trio.serve_tcp, partial(_send_back, connected), 0, host="127.0.0.1")
            listeners = await serving.start(serve)
            asking.start_soon(listen, listeners[0].socket.getsockname()[1])
            await connected.wait()
            phases = await _measure(seconds, lengths)
            serving.cancel_scope.cancel()  # which closes the connection, and so ends the echo's process
    echoes: list[Echo] = json.loads(said[0])
    return tuple(_with_echoes(phase, echoes) for phase in phases)


if __name__ == "__main__":
    json.dump(_echoes(int(sys.argv[1])), sys.stdout)
