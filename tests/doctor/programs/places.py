"""A small HTTP server, as somebody else would write it: each request holds one of PLACES places for WORK_MS milliseconds.

PORT is where it listens, any free one without it. With DIES it ends after so many requests, with HANGS it never listens, with
FAILS none of these requests succeeds.
"""

import contextlib
import os
import signal
import sys
from functools import partial

import trio

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FAILURE = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
work = float(os.environ.get("WORK_MS", "10")) / 1e3
places = trio.CapacityLimiter(int(os.environ.get("PLACES", "2")))
left = int(os.environ.get("DIES", "1000000"))


async def answer(stream):
    with contextlib.suppress(trio.BrokenResourceError):
        await converse(stream)


async def converse(stream):
    global left
    async for data in stream:
        if not data.startswith(b"GET /health"):
            left -= 1
            if not left:
                os._exit(7)
            async with places:
                await trio.sleep(work)
            if "FAILS" in os.environ:
                await stream.send_all(FAILURE)
                continue
        await stream.send_all(REPLY)


async def main():
    await trio.sleep(float(os.environ.get("HANGS", "0")))
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            port = int(os.environ.get("PORT", "0"))
            await nursery.start(partial(trio.serve_tcp, answer, port, host="127.0.0.1"))
            async for _ in signals:
                nursery.cancel_scope.cancel()


try:
    trio.run(main)
except* OSError as error:
    sys.exit(f"places: {error.exceptions[0]}")
