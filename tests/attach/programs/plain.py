"""A small HTTP server on plain Trio, as somebody else would write it."""

import sys
import time
from functools import partial

import trio

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"


def look_up(path):
    if path.startswith("/report"):
        time.sleep(0.06)  # planted


async def answer(stream):
    buffer = b""
    async for data in stream:
        buffer += data
        while b"\r\n\r\n" in buffer:
            head, _, buffer = buffer.partition(b"\r\n\r\n")
            look_up(head.split()[1].decode())
            await stream.send_all(REPLY)


async def main():
    with trio.open_signal_receiver(15) as signals:
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
            print("serving")
            async for _ in signals:
                nursery.cancel_scope.cancel()
    print("stopped", file=sys.stderr)
    return 4


if __name__ == "__main__":
    print("starting")
    sys.exit(trio.run(main))
