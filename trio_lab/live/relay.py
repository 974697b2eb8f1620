"""The main module of the process that shows a run live: at one address, however many servers the run starts.

Each of those servers has its own side process. The run says in lines of JSON what it does and where the server is seen that it
measures now (`RunState`). The relay follows the events of that server's side process, and sends them on with what the run does
before them. Between two servers the page goes on. All other questions are put to the side process, with their query: it may ask
for one of several processes of a server.

It ends when its standard input does. SIGINT is for the run alone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlencode, urlsplit

from ..records.codec import decode, encode
from ..records.live import RunState
from .dashboard import Page
from .events import Events
from .http import Reply, Request, Server, text

_LARGEST = 1 << 22  # bytes of an event
_ANSWER_TIME = 5.0  # seconds
_AT_LEAST = 1.0  # seconds between two events
_PAUSE = 0.2  # seconds until a side process that does not answer is asked again
_PASSED_ON = ("/live", "/ready", "/metrics", "/view", "/history")


class Following:
    """Follows the events of one server at a time: the one that the run has named last. ``query`` says which of its processes is
    meant."""

    def __init__(self, query: str = "") -> None:
        self.events = Events()
        self._path = f"/events{query}"
        self._run = RunState()
        self._view = b""  # the last event of the side process
        self._moved = asyncio.Event()

    def hear(self, run: RunState) -> None:
        """The run does this now."""
        if run.server != self._run.server:
            self._view = b""
            self._moved.set()
        self._run = run
        self._tell()

    def _tell(self) -> None:
        self.events.send(b"event: run\ndata: %b\n\n" % encode(self._run) + self._view)

    async def follow(self) -> None:
        """Send on what the side processes say, and something at least once a second."""
        while True:
            self._moved.clear()
            following = asyncio.create_task(self._follow(self._run.server))
            try:
                while not self._moved.is_set():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._moved.wait(), _AT_LEAST)
                    if not self._view:
                        self._tell()
            finally:
                following.cancel()

    async def _follow(self, url: str | None) -> None:
        while url is not None:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                async with _asked(url, self._path) as reader:
                    await reader.readuntil(b"\r\n\r\n")
                    while True:
                        event = await reader.readuntil(b"\n\n")
                        if url != self._run.server:
                            return  # it came in the moment in which the run has moved on
                        if b"data: " in event:
                            self._view = event
                            self._tell()
            await asyncio.sleep(_PAUSE)


class Relay:
    """Answers as a side process does, in the name of the one of the server that the run has named last."""

    def __init__(self) -> None:
        self._page = Page()
        self._run = RunState()
        self._shown = Following()
        self._following = {self._shown}  # and one for each reader that has asked for a process

    def hear(self, run: RunState) -> None:
        """The run does this now."""
        self._run = run
        for following in self._following:
            following.hear(run)

    async def follow(self) -> None:
        await self._shown.follow()

    async def answer(self, request: Request) -> Reply:
        if request.method not in ("GET", "HEAD"):
            return text("Only GET is answered here", 405)
        if request.path == "/events":
            query = _query(request)
            return Reply(kind="text/event-stream", pieces=self._read(query) if query else self._shown.events.read())
        if request.path == "/run":
            return Reply(body=encode(self._run))
        if request.path in _PASSED_ON:
            return await self._passed_on(request)
        if (found := self._page.answer(request.path)) is not None:
            return found
        return text(f"There are {', '.join(_PASSED_ON)}, /events, /run and /", 404)

    async def _read(self, query: str) -> AsyncIterator[bytes]:
        """The events for one reader, for as long as it reads them."""
        following = Following(query)
        following.hear(self._run)
        self._following.add(following)
        task = asyncio.create_task(following.follow())
        try:
            async for event in following.events.read():
                yield event
        finally:
            task.cancel()
            self._following.discard(following)

    async def _passed_on(self, request: Request) -> Reply:
        """The reply of the side process of the server that is measured now."""
        if self._run.server is None:
            return text("No server of the run is seen now", 503)
        try:
            path = request.path + _query(request)
            async with asyncio.timeout(_ANSWER_TIME), _asked(self._run.server, path) as reader:
                head, body = await reader.readuntil(b"\r\n\r\n"), await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            return text("The server of the run has just ended", 503)
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if line)
        return Reply(body=body, status=int(status.split(" ")[1]), kind=headers["Content-Type"])


def _query(request: Request) -> str:
    return f"?{urlencode(request.query)}" if request.query else ""


@asynccontextmanager
async def _asked(url: str, path: str) -> AsyncIterator[asyncio.StreamReader]:
    """The reply of one of our side processes, which closes the connection behind it."""
    target = urlsplit(url)
    reader, writer = await asyncio.open_connection(target.hostname, target.port, limit=_LARGEST)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {target.netloc}\r\n\r\n".encode())
        yield reader
    finally:
        writer.close()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_serve(int(sys.argv[1])))


async def _serve(listener: int) -> None:
    relay, words = Relay(), asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), sys.stdin)
    sock = socket.socket(fileno=os.dup(listener))
    server = await asyncio.start_server(Server(relay.answer, ()).connected, sock=sock)
    async with server, asyncio.TaskGroup() as tasks:
        tasks.create_task(relay.follow())
        while line := await words.readline():
            relay.hear(decode(RunState, line))
        os._exit(0)  # readers of events never leave by themselves, and nothing is to be saved


if __name__ == "__main__":
    main()
