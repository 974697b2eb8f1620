"""A server whose delay is known: ``python -m trio_lab.bench.peers.known_delay MILLISECONDS``.

It prints {"url": …}, answers every request after the delay, and notes how long each really took: from the moment its
bytes were here to the moment the reply had been handed to the kernel. To each line on its standard input it answers with
the percentiles of the requests since the last one, {"count", "p50", "p99"} in milliseconds, and it ends with its input.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from time import perf_counter

import trio

from ...measure.percentile import percentile
from ...subjects.telling import say

_REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"
_END = b"\r\n\r\n"


async def _serve(delay: float, took: list[float], stream: trio.SocketStream) -> None:
    """One request after the other, also when two arrive at once."""
    asked = b""
    async with stream:
        while data := await stream.receive_some(65536):
            asked += data
            while _END in asked:
                begun = perf_counter()
                asked = asked.partition(_END)[2]
                await trio.sleep(delay)
                await stream.send_all(_REPLY)
                took.append((perf_counter() - begun) * 1e3)


def _tell(took: list[float]) -> None:
    p50, p99 = (percentile(took, share) if took else None for share in (0.5, 0.99))
    say(count=len(took), p50=p50, p99=p99)
    took.clear()


async def main(delay: float) -> None:
    took: list[float] = []
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, partial(_serve, delay, took), 0, host="127.0.0.1")
        listeners = await nursery.start(serve)
        say(url=f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/")
        async for _ in trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())):
            _tell(took)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main, float(sys.argv[1]) / 1e3)
