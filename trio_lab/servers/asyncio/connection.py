"""A client's connection on asyncio: hypercorn's, with what a server open to any client cannot live without.

Seen on hypercorn 0.18 with plain ASGI apps; none of it can be configured or reached from the app.

- **A connection that outlives its client.** The task that closes idle connections slept its five seconds though the client
  was gone, and kept the socket open meanwhile.
- **A pipeline whose client does not read.** While a reply waits to be sent, the next request waits in the reader. Nothing
  woke the reader when the client left: the task stayed for ever, and every shutdown waited for it.
- **A reply whose client has left.** Every piece that an app still sends failed at once, without a suspension: the loop stood
  still until the app had sent the rest, and asyncio logged a line for each piece.
- **A fault in one connection** was reported by the loop, or ended the server in order when it came during the shutdown,
  with the pools left open. It is logged, and ends that connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import perf_counter
from typing import Any, TypeVar

import hypercorn.config
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.tcp_server import MAX_RECV, TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.events import Closed, Event, RawData
from hypercorn.typing import AppWrapper, LifespanState

from ...http.bare import BareConnection
from ...http.callers import Caller
from ...http.connection import SEND_TIME, LabConnection
from ...http.connections import Socket
from ...http.exchange import MADE
from ...http.holding import Holder
from .idle_time import IdleTime

T = TypeVar("T")


class ConnectionTasks(TaskGroup):
    """The tasks of one connection. Notes when a request was read."""

    async def spawn_app(self, app: AppWrapper, config: Any, scope: Any, send: Any) -> Callable[[Any], Awaitable[None]]:
        scope["extensions"][MADE] = perf_counter()
        return await super().spawn_app(app, config, scope, send)


class AsyncioHolder(Holder):
    """What both kinds of connections have in common."""

    async def unless_left(self, caller: Caller, work: Awaitable[T]) -> T | None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as waiting:
                with caller.watched(self.sockets, lambda: waiting.reschedule(loop.time())):
                    return await work
        except TimeoutError:
            return None


class Bare(AsyncioHolder, BareConnection):
    """One that has no protocol yet."""


class Connection(AsyncioHolder, LabConnection, TCPServer):
    """One client's connection on asyncio."""

    idle_task: IdleTime  # type: ignore[assignment]
    _reading: asyncio.Timeout | None = None

    def __init__(
        self,
        app: AppWrapper,
        loop: asyncio.AbstractEventLoop,
        config: hypercorn.config.Config,
        context: WorkerContext,
        state: LifespanState,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        super().__init__(app, loop, config, context, state, reader, writer)
        self.idle_task = IdleTime(config.keep_alive_timeout, context.terminated, self._initiate_server_close)

    def socket(self) -> Socket:
        connected: Socket = self.writer.get_extra_info("socket")
        return connected

    def tasks(self) -> TaskGroup:
        return ConnectionTasks(self.loop)

    async def protocol_send(self, event: Event) -> None:
        if not isinstance(event, RawData):
            await super().protocol_send(event)
        elif self.writer.is_closing():
            await self.protocol.handle(Closed())
            await asyncio.sleep(0)  # lets the app's task be cancelled
        else:
            await self._send(event)

    async def _send(self, event: RawData) -> None:
        try:
            async with asyncio.timeout(SEND_TIME):
                await super().protocol_send(event)
        except TimeoutError:
            self.writer.transport.abort()
            await self.protocol.handle(Closed())

    async def receive(self) -> bytes:
        return await self.reader.read(MAX_RECV)

    def send_now(self, data: bytes) -> int:
        if not self.writer.is_closing():
            self.writer.write(data)
        if self.writer.is_closing():  # a write that fails raises nothing, and the socket is closed in the next pass
            raise ConnectionError
        return len(data)

    async def unless_left(self, caller: Caller, work: Awaitable[T]) -> T | None:
        """The transport must not read meanwhile: at a reset it would close the socket, and with it what is watched.

        If it had stopped before, because the reader's buffer is full, only the reader may let it go on: it would not stop it
        again, and a client that pipelines requests could fill the memory."""
        transport: asyncio.ReadTransport = self.writer.transport  # type: ignore[assignment]  # it is both kinds
        was_reading = transport.is_reading()
        transport.pause_reading()
        try:
            return await super().unless_left(caller, work)
        finally:
            if was_reading:
                transport.resume_reading()

    async def send_end(self) -> None:
        with suppress(OSError, RuntimeError):
            self.writer.write_eof()

    def stop_reading(self, seconds: float) -> None:
        if self._reading is not None:
            self._reading.reschedule(self.loop.time() + seconds)

    async def _read_data(self) -> None:
        reading, lost = asyncio.create_task(self._read()), asyncio.create_task(self._lost())
        try:
            await asyncio.wait((reading, lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(reading, lost)
        if not reading.cancelled():
            reading.result()
        await self.protocol.handle(Closed())
        self.idle_task.end()

    async def _read(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as self._reading:
                try:
                    await self.read()
                finally:
                    self._reading = None

    async def _lost(self) -> None:
        """Returns when the connection is no more. (Shielded: what a writer waits for is one future for all.)"""
        closed = asyncio.ensure_future(self.writer.wait_closed())
        closed.add_done_callback(_look_at)
        with suppress(ConnectionError):
            await asyncio.shield(closed)


def _look_at(ended: asyncio.Future[None]) -> None:
    """asyncio logs an error that nothing has looked at, and this wait is often given up before the connection breaks."""
    if not ended.cancelled():
        ended.exception()


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks until they have ended: hypercorn's closing swallows a cancellation, and goes on."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=0.1)
