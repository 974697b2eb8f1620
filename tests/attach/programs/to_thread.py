"""A small HTTP server on asyncio, or on uvloop with that word. Each request waits in a thread of the default executor."""

import asyncio
import contextlib
import sys
import time

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def answer(reader, writer):
    while head := await reader.readuntil(b"\r\n\r\n"):
        if not head.startswith(b"GET /health"):
            await asyncio.to_thread(time.sleep, 0.05)
        writer.write(REPLY)


async def converse(reader, writer):
    try:
        await answer(reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    await server.serve_forever()


factory = None
if sys.argv[1:] == ["uvloop"]:
    from uvloop import new_event_loop as factory

with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=factory) as runner:
    runner.run(main())
