"""A client's connection on asyncio: hypercorn's, with what a server open to any client cannot live without.

Seen on hypercorn 0.18 with plain ASGI apps; none of it can be configured or reached from the app.

- **A connection that outlives its client.** The task that closes idle connections slept its five seconds though the client
  was gone, and kept the socket open meanwhile.
- **A pipeline whose client does not read.** While a reply waits to be sent, the next request waits in the reader. Nothing
  woke the reader when the client left: the task stayed for ever, and every shutdown waited for it.
- **A fault in one connection** was reported by the loop, or ended the server in order when it came during the shutdown,
  with the pools left open. It is logged, and ends that connection.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

import hypercorn.config
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import AsyncioSingleTask, WorkerContext
from hypercorn.events import Closed, Event
from hypercorn.typing import AppWrapper, ConnectionState, LifespanState

from ...http.connections import LiveConnections, addresses
from ...http.protocol import LabProtocol

_log = logging.getLogger(__name__)


class _NeverIdle(AsyncioSingleTask):
    """The idle time of a connection that is not read any more: a reply that is still on its way would start it anew."""

    async def restart(self, task_group: Any, action: Any) -> None:
        pass


class Connection(TCPServer):
    """One client's connection. It ends with its client and by its own faults, but not before its reply."""

    protocol: LabProtocol  # type: ignore[assignment]  # hypercorn's chooses between HTTP/1.1 and HTTP/2

    def __init__(
        self,
        app: AppWrapper,
        config: hypercorn.config.Config,
        context: WorkerContext,
        state: LifespanState,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        live: LiveConnections,
    ) -> None:
        super().__init__(app, asyncio.get_running_loop(), config, context, state, reader, writer)
        self._live = live

    async def run(self) -> None:
        try:
            with self._live.holding(self.writer.get_extra_info("socket")):
                await self._converse()
        except* Exception as faults:
            _log.error("a connection ended by a fault", exc_info=faults)

    async def _converse(self) -> None:
        try:
            client, server = addresses(self.writer.get_extra_info("socket"))
            async with TaskGroup(self.loop) as tasks:
                self._task_group = tasks
                state = ConnectionState(self.state)
                self.protocol = LabProtocol(
                    self.app, self.config, self.context, tasks, state, False, client, server, self.protocol_send
                )
                await self.idle_task.restart(tasks, self._idle_timeout)
                await self._read_data()
        except OSError:
            pass  # the client was gone before it was served
        finally:
            await self._close()

    async def protocol_send(self, event: Event) -> None:
        if not (isinstance(event, Closed) and self.protocol.is_replying):
            await super().protocol_send(event)

    async def _read_data(self) -> None:
        reading, lost = asyncio.create_task(super()._read_data()), asyncio.create_task(self._lost())
        try:
            await asyncio.wait((reading, lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(reading, lost)
        if not reading.cancelled():
            reading.result()
        await self.protocol.handle(Closed())
        await self.idle_task.stop()
        self.idle_task = _NeverIdle()

    async def _lost(self) -> None:
        """Returns when the connection is no more. (Shielded: what a writer waits for is one future for all.)"""
        with suppress(ConnectionError):
            await asyncio.shield(self.writer.wait_closed())


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks until they have ended: hypercorn's closing swallows a cancellation, and goes on."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=0.1)
