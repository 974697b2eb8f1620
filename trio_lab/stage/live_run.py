"""A run that can be seen live: at one address, a page about the server that is measured now.

Each server then has a side process (`trio_lab.live`), and a relay shows that of the server which was started or loaded last.
What is measured then has a little less of the machine. So this is done only if it was asked for, and the results say so.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from urllib.parse import urlsplit

import trio

from ..blocks import block
from ..config import Config
from ..http.listening import listen, url_of
from ..live import relay
from ..records.codec import encode
from ..records.live import RunState
from .launch import Child, talking
from .server import Server

NOTE = "It was seen live: the process beside each server had a little of the CPU time."
_WITHOUT = ("node",)  # runtimes whose servers have no side process


class LiveRun:
    """Tells the relay what the run does. Nothing here waits: of what is told in quick succession, only the last counts."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.state = RunState()
        """What was told last."""
        self._changed = trio.Event()
        self._seen: dict[str, str | None] = {}  # by the host and port of servers: where each is seen live

    def flags(self, runtime: str) -> tuple[str, ...]:
        """For a server that is to be seen."""
        return () if runtime in _WITHOUT else ("--live",)

    def begin(self, experiment: str) -> None:
        self._tell(RunState(experiment=experiment, server=self.state.server))

    def phase(self, where: str, load: str) -> None:
        self._tell(replace(self.state, where=where, load=load))

    @contextmanager
    def shown(self, server: Server) -> Iterator[None]:
        """For the length of the block there is this server."""
        authority = urlsplit(server.url).netloc
        self._seen[authority] = server.live
        self._tell(replace(self.state, server=server.live))
        try:
            yield
        finally:
            del self._seen[authority]
            if self.state.server == server.live:
                self._tell(replace(self.state, server=next(reversed(self._seen.values()), None)))

    def loads(self, url: str) -> None:
        """A load begins at this URL."""
        authority = urlsplit(url).netloc
        if authority in self._seen:
            self._tell(replace(self.state, server=self._seen[authority]))

    def _tell(self, state: RunState) -> None:
        self.state = state
        self._changed.set()

    async def _pass_on(self, child: Child) -> None:
        """Until the relay ends, or is killed: the run goes on without it."""
        with suppress(trio.BrokenResourceError):
            while True:
                await child.tell(encode(self.state).decode())
                await self._changed.wait()
                self._changed = trio.Event()


@block
async def open_live_run(port: int) -> AsyncIterator[LiveRun]:
    """For the length of the block, a relay at this port of the loopback; 0 takes a free one.

    Raises:
        UsageError: the port cannot be listened on.
    """
    config = Config(port=port)
    with listen(config) as listener:
        command = [sys.executable, "-m", relay.__name__, str(listener.fileno())]
        async with talking(command, pass_fds=[listener.fileno()]) as child, trio.open_nursery() as nursery:
            run = LiveRun(url_of(config, listener))
            nursery.start_soon(run._pass_on, child)
            yield run
            nursery.cancel_scope.cancel()
