"""Request bodies: how large one may be, and how much of one is in memory unread.

Quart reads a body from the socket as it arrives, whether or not the handler reads it, so the limit on the whole body is
the only limit on memory. That is right for the small bodies of most routes. A handler that reads a body piece by piece
says so (`LabBody.streamed`): then no more is read from the socket than there is room for, TCP tells the sender to wait, and
a body may be far larger than what is in memory at any time.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import trio
from quart_trio.wrappers.request import TrioRequest

from ...http.contract import MAX_BODY
from ...measure.ledger import ACCEPT, booked

MAX_BUFFERED = 8_000_000  # bytes of a body that /ingest reads as a whole
MAX_STREAMED = 256_000_000  # bytes of one that it reads piece by piece
_PATIENCE = 60.0  # seconds without a piece, as Quart has it for whole bodies


class BadBody(Exception):
    """A body that cannot be accepted; the text is meant for the sender. The rest of it is not read."""

    def __init__(self, text: str, *, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


def max_body(scope: Mapping[str, Any]) -> int:
    """How many bytes the body of this request (an ASGI scope) may have."""
    if scope["raw_path"] != b"/ingest":  # written as a whole URL, it has the bound of the other routes
        return MAX_BODY
    return MAX_STREAMED if b"mode=stream" in scope["query_string"].split(b"&") else MAX_BUFFERED


class LabBody:
    """The body of one request. Await it as a whole, or iterate over its pieces inside `streamed`.

    It replaces Quart's own class, which has two generations with little in common but these methods.

    Raises where it is awaited or iterated over:
        BadBody: it is too large (413), or the sender has paused for a minute (408).
    """

    limit: float = math.inf

    def __init__(self, *_: object) -> None:
        self.most_held = 0
        """The most bytes that were in memory at once."""
        self._held = bytearray()
        self._came = 0
        self._room = math.inf
        self._unwanted = False
        self._error: BadBody | None = None
        self._ended = trio.Event()
        self._more = trio.Event()
        self._taken = trio.Event()

    # Called by Quart as the body comes: `append` by 0.22, `put` and `disconnect` by 0.23.

    def append(self, data: bytes) -> None:
        self._came += len(data)
        if self._came > self.limit and self._error is None:
            self._error = BadBody("Request body too large", status=413)
            self.clear()
            self.set_complete()
        if data and self._error is None and not self._unwanted:
            self._held += data
            self.most_held = max(self.most_held, len(self._held))
            self._more.set()

    async def put(self, data: bytes) -> None:
        self.append(data)

    def set_complete(self) -> None:
        self._ended.set()
        self._more.set()

    def disconnect(self) -> None:
        """The sender is gone. Nothing to do: its request is cancelled, and the reader with it."""

    async def room(self) -> None:
        """Returns when there is room for more."""
        while len(self._held) >= self._room:
            await self._taken.wait()

    # Called by the reader.

    def clear(self) -> None:
        self._held.clear()

    def __await__(self) -> Generator[Any, None, bytes]:
        yield from self._ended.wait().__await__()
        if self._error is not None:
            raise self._error
        return bytes(self._held)

    @contextmanager
    def streamed(self, room: int) -> Iterator[LabBody]:
        """The pieces, as they arrive; at most ``room`` bytes and one piece are in memory unread.

        What is left when the block ends is read and dropped: until a body has been read, hypercorn reads no further.
        """
        self._room = room
        try:
            yield self
        finally:
            self._room, self._unwanted = math.inf, True
            self.clear()
            self._taken.set()

    def __aiter__(self) -> LabBody:
        return self

    async def __anext__(self) -> bytes:
        if not self._held and not self._ended.is_set():
            with booked(ACCEPT), trio.move_on_after(_PATIENCE) as waiting:
                await self._more.wait()
            if waiting.cancelled_caught:
                raise BadBody("The body did not come", status=408)
        if self._error is not None:
            raise self._error
        if not self._held:
            raise StopAsyncIteration
        piece = bytes(self._held)
        self.clear()
        if not self._ended.is_set():
            self._more = trio.Event()
        self._taken.set()
        self._taken = trio.Event()
        return piece


class LabRequest(TrioRequest):
    body: LabBody  # type: ignore[assignment]  # has the methods that Quart calls, and another way to keep the bytes
    body_class = LabBody  # type: ignore[assignment]  # declared more narrowly than it is used

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.body.limit = max_body(options["scope"])
