"""Two queues in series on asyncio, six places around three: ``python -m trio_lab.subjects.known_series``.

It shares no code with the lab's servers. A request holds a place of the outer queue while it waits for one of the inner, where
it is served for 40 ms, so the service bears 3 ÷ 0.04 = 75 requests a second. ``GET /told`` answers with how many were served,
and for how many seconds a place of the inner queue was held altogether. It prints ``{"url": …}``, and ends when its standard
input does.
"""

from __future__ import annotations

import asyncio
import json
import time

from .telling import end_with_input, say

_OUTER, _INNER, _SECONDS = 6, 3, 0.04


class Served:
    """The requests so far, and the seconds that they held a place."""

    def __init__(self) -> None:
        self.count, self.seconds = 0, 0.0
        self.outer, self.inner = asyncio.Semaphore(_OUTER), asyncio.Semaphore(_INNER)

    async def serve(self) -> None:
        async with self.outer, self.inner:
            begun = time.perf_counter()
            await asyncio.sleep(_SECONDS)
            self.seconds += time.perf_counter() - begun
            self.count += 1


async def _connection(served: Served, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            path, body = head.split(b" ", 2)[1], b"ok"
            if path == b"/told":
                body = json.dumps({"count": served.count, "seconds": served.seconds}).encode()
            elif path == b"/":
                await served.serve()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the client has left
    finally:
        writer.close()


async def main() -> None:
    served = Served()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _connection(served, reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=1024)
    say(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await asyncio.Event().wait()


if __name__ == "__main__":
    end_with_input()
    asyncio.run(main())
