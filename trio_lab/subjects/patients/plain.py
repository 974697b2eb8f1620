"""An HTTP server on Trio's sockets: ``python -m trio_lab.subjects.patients.plain``. ``/a`` is the work, all else is cheap."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import trio

from .parts import Serve, opened

_END = b"\r\n\r\n"
_REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def answer(serve: Serve, stream: trio.SocketStream) -> None:
    heard = b""
    async with stream:
        with suppress(trio.BrokenResourceError):
            async for data in stream:
                *heads, heard = (heard + data).split(_END)
                for head in heads:
                    if head.startswith(b"GET /a "):
                        await serve()
                    await stream.send_all(_REPLY)


async def main() -> None:
    async with trio.open_nursery() as nursery:
        serve = await opened(nursery)
        await trio.serve_tcp(partial(answer, serve), 0, host="127.0.0.1", backlog=1024)


if __name__ == "__main__":
    trio.run(main)
