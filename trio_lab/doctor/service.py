"""What the doctor knows of the service that it examines: where it is, and how it looks inside, if it lets itself be seen."""

from __future__ import annotations

from typing import Protocol

import msgspec
import trio

from ..load.client import fetch
from ..load.target import Target
from ..records.codec import decode, from_plain
from ..records.health import Health, StallFigures

_LIMIT = 5.0  # seconds for one look


class Service(Protocol):
    """``url`` is without a path. ``ours`` says that its processes are descendants of this one."""

    url: str
    ours: bool

    async def look(self) -> Health | None:
        """The service now; None when it cannot be seen. Its windows begin anew."""

    async def stalls(self) -> tuple[StallFigures, ...] | None:
        """Its stalls so far; None when `look` tells them, or nothing does."""


class RunningServer:
    """A server at a URL. It is seen inside when it serves trio_lab's `/health`; otherwise it is a black box."""

    ours = False

    def __init__(self, url: str, *, health: str = "/health") -> None:
        target = Target.parse(url)
        self.url = f"http://{target.authority}"
        self._health = health
        self._seen = self._stalls_seen = True

    async def look(self) -> Health | None:
        if not self._seen:
            return None
        try:
            return decode(Health, await self._get(f"{self._health}?reset=1"))
        except trio.TooSlowError:
            return None  # under load: it may answer again
        except (OSError, msgspec.DecodeError):
            self._seen = False
            return None

    async def stalls(self) -> tuple[StallFigures, ...] | None:
        if not (self._seen and self._stalls_seen):
            return None
        try:
            found = msgspec.json.decode(await self._get("/stalls"))
            return from_plain(tuple[StallFigures, ...], found["table"])
        except (OSError, msgspec.DecodeError, KeyError, TypeError, trio.TooSlowError):
            self._stalls_seen = False
            return None

    async def _get(self, path: str) -> bytes:
        reply = await fetch(self.url + path, timeout=_LIMIT)
        if reply.status != 200:
            raise ConnectionError(f"{path} was answered with {reply.status}")
        return reply.body
