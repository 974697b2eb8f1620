"""What a connection is on both event loops: hypercorn's, speaking our protocol, and ending by its own faults alone."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from hypercorn.events import Closed, Event
from hypercorn.typing import ConnectionState

from .connections import LiveConnections, Socket, addresses
from .protocol import LabProtocol

if TYPE_CHECKING:
    from typing import Any as _Mixed
else:
    _Mixed = object

_log = logging.getLogger(__name__)


class LabConnection(_Mixed):  # type: ignore[misc]  # its methods come from either of two classes
    """Mixed into hypercorn's `TCPServer` of one loop. It ends with its client, but not before its reply."""

    protocol: Any  # a `LabProtocol`; hypercorn's chooses between HTTP/1.1 and HTTP/2
    tasks: Any
    """Called, it opens the group of the connection's tasks."""

    def socket(self) -> Socket:
        raise NotImplementedError

    async def serve(self, live: LiveConnections) -> None:
        """Until its end it is one of those that are ``live``."""
        try:
            with live.holding(self.socket()):
                await self._converse()
        except* Exception as faults:
            _log.error("a connection ended by a fault", exc_info=faults)

    async def _converse(self) -> None:
        try:
            client, server = addresses(self.socket())
            async with self.tasks() as tasks:
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
