"""Large calls there and back: through a pool, as a job that returns its argument in one worker of ours; and through bare
pipes, as bytes to a child and back with blocking calls and nothing else.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from time import perf_counter

from ...loop.passes import open_pass_monitor
from ...pools.workers import open_worker_pool
from ...work import echo

_CHUNK = 1 << 20
_PIPE = 1 << 20  # bytes that a pipe holds, where the system lets it


@dataclass(frozen=True, slots=True, kw_only=True)
class Travelled:
    """Bytes per second, both directions together, and the loop's passes where there is a loop. Seconds."""

    bytes_per_s: float
    pass_p99: float = 0.0
    pass_max: float = 0.0


async def through_pool(size: int, seconds: float) -> Travelled:
    body = os.urandom(size)
    async with open_worker_pool(size=1) as pool:
        await pool.wait_ready()
        if await pool.run(echo, body) != body:
            raise RuntimeError("another body came back")
        async with open_pass_monitor() as monitor:
            begun, calls = perf_counter(), 0
            while perf_counter() - begun < seconds:
                # To compare all of it would make a long pass of our own, every time.
                if len(await pool.run(echo, body)) != size:
                    raise RuntimeError("another body came back")
                calls += 1
            rate = 2 * size * calls / (perf_counter() - begun)
            passes = monitor.busy.summary()
    return Travelled(bytes_per_s=rate, pass_p99=passes.p99, pass_max=passes.max)


def _receive(source: int, size: int) -> bytes:
    pieces = []
    while size and (piece := os.read(source, min(size, _CHUNK))):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _send(target: int, body: bytes) -> None:
    rest = memoryview(body)
    while rest:
        rest = rest[os.write(target, rest) :]


def through_pipe(size: int, seconds: float) -> Travelled:
    body = os.urandom(size)
    (there_out, there_in), (back_out, back_in) = os.pipe(), os.pipe()
    for pipe in (there_in, back_in):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
    if os.fork() == 0:
        os.close(there_in)
        while len(received := _receive(there_out, size)) == size:
            _send(back_in, received)
        os._exit(0)
    os.close(there_out)
    os.close(back_in)
    begun, calls = perf_counter(), 0
    while perf_counter() - begun < seconds:
        _send(there_in, body)
        if len(_receive(back_out, size)) != size:
            raise RuntimeError("another body came back")
        calls += 1
    rate = 2 * size * calls / (perf_counter() - begun)
    os.close(there_in)
    os.wait()
    return Travelled(bytes_per_s=rate)
