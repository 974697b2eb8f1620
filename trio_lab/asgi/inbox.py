"""The messages of a request that waits for its place.

The only way to learn that a client has left is to receive, so a request that waits listens. What it hears meanwhile is
kept for the app: nothing is lost, and nothing is received twice. Only so much of a body is kept; then the server is left
with the rest, and stops reading from the client.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_KEPT = 65_536  # bytes from which on no more is received: a usual request fits, and 1000 that wait hold 64 MB
_MESSAGE = 300  # bytes that a message takes beside its piece of the body, which may be a single byte


class Inbox:
    """What was received before the app asked for it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self.left = False
        """Whether the client has left before it had its answer."""
        self._answered = False
        self.on_left: Callable[[], None] | None = None
        """Called when the client leaves."""

    @property
    def listens(self) -> bool:
        """Whether there is room for another message, and one may come."""
        return not self.left and self._bytes < _KEPT

    def keep(self, message: Message) -> None:
        self._messages.append(message)
        self._bytes += _MESSAGE + len(message.get("body") or b"")
        self._note(message)

    def _note(self, message: Message) -> None:
        if message["type"] == "http.disconnect" and not self._answered and not self.left:
            self.left = True
            if self.on_left is not None:
                self.on_left()

    async def listen(self) -> None:
        """Receive as long as there is room. It may be cancelled where cancelling a receive loses nothing, as on Trio."""
        while self.listens:
            self.keep(await self._receive())

    async def receive(self) -> Message:
        """The next message: the app's own way to receive."""
        if self._messages:
            return self._messages.popleft()
        message = await self._receive()
        self._note(message)
        return message

    def sender(self, send: Send) -> Send:
        """The app's own way to send. A server tells of a disconnect after each answer, too; that client has not left."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                self._answered = True
            await send(message)

        return sending

    def close(self) -> None:
        """The request has ended."""
