"""What a connection is on both event loops: hypercorn's, speaking our protocol, and ending by its own faults alone.

- **It begins where a bare connection ends** (see `bare`), with the bytes that have come. Later requests that have to wait
  for a pool are held in the same way, while its protocol is idle.
- **A client gets its reply before the connection is closed.** Closing a socket with unread bytes in it resets the connection,
  and the reset may overtake the reply. So after the last reply the server sends its end, and reads on and drops what comes,
  until the client ends too: at most `LINGER` seconds and `MAX_DROPPED` bytes (RFC 9112, 9.6).
- **A client that reads nothing is cut off** when a piece of a reply has waited for it for `SEND_TIME` seconds. Nothing else
  would end its connection: it sends no end, and while a reply is on its way a connection is not idle.
- **A client that has sent its end may still want its reply**: TCP does not tell a closed socket from one that still receives.
  At the first byte of data, though, a closed one answers with a reset. So the first bytes of the reply, which are always the
  same, are sent at once. If a reset comes back, the client is gone and its work is cancelled; otherwise it gets the rest.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.typing import ConnectionState

from .callers import is_reset
from .connections import LiveConnections, Socket, addresses
from .holding import Holder
from .protocol import LabProtocol

if TYPE_CHECKING:
    from typing import Any as _Mixed
else:
    _Mixed = object

LINGER = 2.0  # seconds
SEND_TIME = 30.0  # far more than any honest reply takes to leave
MAX_DROPPED = 16_000_000  # bytes; twice the largest body that is read as a whole
_FIRST_LOOK, _LAST_LOOKS = 0.001, 0.5  # seconds between two looks for a reset; each is twice as long as the one before

_log = logging.getLogger(__name__)


class LabConnection(Holder, _Mixed):  # type: ignore[misc]  # its methods come from either of two classes
    """Mixed into hypercorn's `TCPServer` of one loop. It ends with its client, but not before its reply."""

    protocol: Any  # a `LabProtocol`; hypercorn's chooses between HTTP/1.1 and HTTP/2
    tasks: Any
    """Called, it opens the group of the connection's tasks."""
    _unread = b""  # what the protocol is to read first
    _all_read = False  # nothing that the client may still send is read

    @abstractmethod
    def socket(self) -> Socket: ...

    @abstractmethod
    async def receive(self) -> bytes | bytearray:
        """The next bytes; none at the client's end. Raises `OSError` when it is gone."""

    @abstractmethod
    async def send_end(self) -> None:
        """Send no more. It is no error if the client is gone."""

    @abstractmethod
    def stop_reading(self, seconds: float) -> None:
        """Cancel `read` when so many seconds have passed."""

    async def send(self, data: bytes) -> None:
        await self.protocol_send(RawData(data=data))

    async def serve(self, live: LiveConnections, bare: Holder, data: bytes) -> None:
        """Go on with a ``bare`` connection and its ``data``. Until its end it is one of those that are ``live``."""
        self.take_over(bare)
        self._unread = data
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
                await self._read_data()
        except OSError:
            pass  # the client was gone before it was served
        finally:
            await self._close()

    async def read(self) -> None:
        """Read until the client is gone, or its last reply was sent."""
        try:
            await self._read_to_the_end()
            self._all_read = True
            await self.protocol.handle(RawData(data=b""))
            await self._await_reply()
        except OSError:
            pass

    async def _read_to_the_end(self) -> None:
        dropped = 0
        if self.is_last:
            await self.protocol.end()
        else:
            if self._unread:
                await self._hear(self._unread)
            if self.protocol.stream is None:  # there was no whole head
                await self.idle_task.restart(self._task_group, self._idle_timeout)
        while dropped <= MAX_DROPPED and (data := await self.receive()):
            if not self.protocol.hears:
                dropped += len(data)
            elif data := await self._answer_between(bytes(data)):
                await self._hear(data)

    async def _hear(self, data: bytes) -> None:
        self.protocol.in_hand, self.in_hand = self.in_hand, None
        self.protocol.sent_ahead, self.sent_ahead = self.sent_ahead, b""
        await self.protocol.handle(RawData(data=data))

    async def _answer_between(self, data: bytes) -> bytes:
        """As `answer_held`, on a connection that has a protocol."""
        if self.holding is None or self.holding.next_job(data) is None or not self.protocol.is_idle:
            return data
        await self.protocol_send(Updated(idle=False))
        data = await self.answer_held(data)
        if self.is_last:
            await self.protocol.end()
        elif self.in_hand is None:  # what is left may be no whole head, and no more may come
            await self.protocol_send(Updated(idle=True))
        return data

    async def _await_reply(self) -> None:
        """The end of the last reply cancels this."""
        await self.protocol.begin_reply()
        pause = _FIRST_LOOK
        while self.protocol.stream is not None and not is_reset(self.socket()):
            await self.context.sleep(pause)
            pause = min(2 * pause, _LAST_LOOKS)

    async def protocol_send(self, event: Event) -> None:
        if not isinstance(event, Closed):
            await super().protocol_send(event)
        elif not self.protocol.is_replying:
            await self.send_end()
            self.stop_reading(0 if self._all_read else LINGER)
            await self.protocol.handle(Closed())
