"""The bodies that a handler reads: how large one may be, how slowly it may come, and how much memory all may take.

Quart reads a body from the socket as it arrives, whether or not the handler reads it. A handler that reads a body piece
by piece says so (`LabBody.streamed`): then no more is read from the socket than there is room for, TCP tells the sender to
wait, and a body may be far larger than what is in memory at any time.

- Unread bytes of all bodies together are bounded (`BodyMemory`). A body that does not fit is refused, not kept waiting:
  its sender may be slow, and would keep out others for as long.
- A body must make progress: `LEAST` bytes, or its end, in every `PATIENCE` seconds that the reader waits for it. The time
  that the reader takes for itself does not count.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import trio

from ...errors import QueueFull
from ...http.unread import UnreadBody
from ...measure.ledger import ACCEPT, booked

MAX_BUFFERED = 8_000_000  # bytes of a body that /ingest reads as a whole
MAX_STREAMED = 256_000_000  # bytes of one that it reads piece by piece
MAX_HELD = 32_000_000  # bytes of all bodies that are in memory at once
PATIENCE = 10.0  # seconds of waiting
LEAST = 10_000  # bytes that must come in that time


class BadBody(Exception):
    """A body that cannot be accepted; the text is meant for the sender. The rest of it is not read."""

    def __init__(self, text: str, *, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class BodyMemory:
    """Counts the bytes of bodies in memory, and bounds them."""

    def __init__(self, capacity: int = MAX_HELD) -> None:
        self.capacity = capacity
        self.held = 0

    def take(self, size: int) -> None:
        """Raises `QueueFull` if there is no room for so many more."""
        self.check(size)
        self.held += size

    def check(self, size: int) -> None:
        if self.held + size > self.capacity:
            raise QueueFull("body_memory")

    def give_back(self, size: int) -> None:
        self.held -= size


class LabBody(UnreadBody):
    """The body of one request. Await it as a whole, or iterate over its pieces inside `streamed`.

    It replaces Quart's own class, which has two generations with little in common but the methods that fill it.
    ``want`` is called when the body is first asked for, if its sender waits for that.

    Raises where it is awaited or iterated over:
        BadBody: it is too large (413), or comes too slowly (408).
        QueueFull: there is no memory for it.
    """

    def __init__(
        self, memory: BodyMemory, *, limit: int, length: int | None, want: Callable[[], Awaitable[None]] | None
    ) -> None:
        self.most_held = 0
        """The most bytes that were in memory at once."""
        self._memory = memory
        self._limit = limit
        self._length = length
        self._want = want
        self._held = bytearray()
        self._came = 0
        self._patience, self._progress_at = PATIENCE, 0
        self._room = math.inf
        self._unwanted = False
        self._error: BadBody | QueueFull | None = None
        self._ended = False
        self._more = trio.Event()
        self._taken = trio.Event()

    # Called by Quart as the body comes.

    def append(self, data: bytes) -> None:
        self._came += len(data)
        if self._unwanted or self._error is not None or not data:
            return
        try:
            if self._came > self._limit:
                raise BadBody("Request body too large", status=413)
            self._memory.take(len(data))
        except (BadBody, QueueFull) as error:
            self._error = error
            self._drop()
        else:
            self._held += data
            self.most_held = max(self.most_held, len(self._held))
        self._more.set()

    async def put(self, data: bytes) -> None:
        self.append(data)

    def set_complete(self) -> None:
        self._ended = True
        self._more.set()

    async def room(self) -> None:
        """Returns when there is room for more."""
        while len(self._held) >= self._room:
            await self._taken.wait()

    # Called by the reader.

    def __await__(self) -> Generator[Any, None, bytearray]:
        return self._whole().__await__()

    async def _whole(self) -> bytearray:
        if self._length is not None:
            self._memory.check(self._length - self._came)
        await self._ask()
        while not self._ended:
            await self._piece()
        self._raise_error()
        return self._held

    @contextmanager
    def streamed(self, room: int) -> Iterator[LabBody]:
        """The pieces, as they arrive; at most ``room`` bytes and one piece are in memory unread.

        What is left when the block ends is read and dropped: until a body has been read, hypercorn reads no further.
        """
        self._room = room
        try:
            yield self
        finally:
            self.close()

    def __aiter__(self) -> LabBody:
        return self

    async def __anext__(self) -> bytes:
        await self._ask()
        while not self._held and not self._ended:  # the time for the next piece begins anew after much progress
            await self._piece()
        self._raise_error()
        if not self._held:
            raise StopAsyncIteration
        piece = bytes(self._held)
        self._drop()
        return piece

    def close(self) -> None:
        """Keep nothing of it, and nothing that still comes."""
        self._room, self._unwanted = math.inf, True
        self._drop()

    def _drop(self) -> None:
        self._memory.give_back(len(self._held))
        self._held = bytearray()
        self._taken.set()
        self._taken = trio.Event()

    async def _ask(self) -> None:
        if self._want is not None:
            want, self._want = self._want, None
            await want()

    async def _piece(self) -> None:
        """Wait for more of it, or for its end; or, if much has come before, until the time for the next piece begins."""
        self._raise_error()
        self._more = trio.Event()
        began = trio.current_time()
        with booked(ACCEPT), trio.move_on_after(self._patience) as waiting:
            await self._more.wait()
        self._patience -= trio.current_time() - began
        if self._came >= self._progress_at + LEAST:
            self._patience, self._progress_at = PATIENCE, self._came
        elif waiting.cancelled_caught or self._patience <= 0:
            raise BadBody("The body came too slowly", status=408)

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error
