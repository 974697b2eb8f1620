"""Server-sent events for any number of readers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator


class Events:
    """Each reader gets the last event, and those to come. A slow one misses some."""

    def __init__(self) -> None:
        self._last = b""
        self._news = asyncio.Event()

    def send(self, event: bytes) -> None:
        self._last = event
        self._news.set()
        self._news = asyncio.Event()

    async def read(self) -> AsyncIterator[bytes]:
        yield b"retry: 1000\n\n" + self._last
        while True:
            await self._news.wait()
            yield self._last
