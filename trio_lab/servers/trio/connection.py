"""A client's connection on Trio: hypercorn's, with what a server open to any client cannot live without.

Seen on hypercorn 0.18 with plain ASGI apps; none of it can be configured or reached from the app.

- **A send that meets the closing of the same stream.** A client that sends half a request and leaves is answered with a
  400 while another task is in `send_eof`. Trio says `BusyResourceError`; hypercorn expects Broken and Closed only, so
  the error went through the nursery of all connections and ended the server. It means the same: the client is gone.
- **A fault in one connection** ended all of them in the same way. It is logged, and ends that connection.
- **A connection that outlives its client**: see `IdleTime.end`.
- **A checkpoint at every hand-over.** A lock that is free and a channel that has room need no waiting, and each such wait
  costs a pass of the run loop. Sending and receiving are still checkpoints, so no connection keeps the loop.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import perf_counter
from typing import Any, TypeVar

import hypercorn.config
import trio
from hypercorn.events import Closed, Event, RawData
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import MAX_RECV, TCPServer
from hypercorn.trio.worker_context import WorkerContext
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
    """The tasks of one connection. Notes when a request was read, and hands the app its messages without a wait."""

    async def spawn_app(self, app: AppWrapper, config: Any, scope: Any, send: Any) -> Callable[[Any], Awaitable[None]]:
        scope["extensions"][MADE] = perf_counter()
        wait_and_put = await super().spawn_app(app, config, scope, send)
        put_nowait = wait_and_put.__self__.send_nowait  # type: ignore[attr-defined]  # a channel's method

        async def put(message: Any) -> None:
            try:
                put_nowait(message)
            except trio.WouldBlock:
                await wait_and_put(message)

        return put


class TrioHolder(Holder):
    """What both kinds of connections have in common."""

    async def unless_left(self, caller: Caller, work: Awaitable[T]) -> T | None:
        with trio.CancelScope() as scope, caller.watched(self.sockets, scope.cancel):
            return await work
        return None


class Bare(TrioHolder, BareConnection):
    """One that has no protocol yet."""


class Connection(TrioHolder, LabConnection, TCPServer):
    """One client's connection on Trio."""

    idle_task: IdleTime  # type: ignore[assignment]
    tasks = ConnectionTasks

    def __init__(
        self,
        app: AppWrapper,
        config: hypercorn.config.Config,
        context: WorkerContext,
        state: LifespanState,
        stream: trio.SocketStream,
    ) -> None:
        super().__init__(app, config, context, state, stream)  # type: ignore[arg-type]  # it takes both kinds of stream
        self._reading = trio.CancelScope()
        self.idle_task = IdleTime(config.keep_alive_timeout, context.terminated, self._initiate_server_close)

    def socket(self) -> Socket:
        connected: Socket = self.stream.socket
        return connected

    async def receive(self) -> bytes | bytearray:
        try:
            return await self.stream.receive_some(MAX_RECV)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise ConnectionError from None

    def send_now(self, data: bytes) -> int:
        return os.write(self.stream.socket.fileno(), data)

    async def send_end(self) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
            await self.stream.send_eof()

    def stop_reading(self, seconds: float) -> None:
        self._reading.deadline = trio.current_time() + seconds

    def cut_off(self) -> None:
        """Neither send nor read any more."""
        with suppress(OSError):
            self.stream.socket.shutdown(trio.socket.SHUT_RDWR)
        self.stop_reading(0)

    async def _read_data(self) -> None:
        with self._reading:
            await self.read()
        await self.protocol.handle(Closed())
        self.idle_task.end()

    async def _close(self) -> None:
        self.stream.socket.close()  # nothing is sent any more: every task of the connection has ended

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, RawData):
            await self._send(event.data)
        else:
            await super().protocol_send(event)

    async def _send(self, data: bytes) -> None:
        try:
            self.send_lock.acquire_nowait()
        except trio.WouldBlock:
            await self.send_lock.acquire()
        try:
            with trio.move_on_after(SEND_TIME, shield=True) as sending:
                await self.stream.send_all(data)
            if sending.cancelled_caught:
                self.cut_off()
                raise trio.BrokenResourceError
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
            await self.protocol.handle(Closed())
            # Else an app that is cut off would go on with all other pieces.
            await trio.lowlevel.checkpoint_if_cancelled()
        finally:
            self.send_lock.release()
