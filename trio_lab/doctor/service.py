"""The service that is examined: where it is, and what it tells of itself."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Protocol

import msgspec
import trio

from ..load.client import fetch
from ..load.target import Target
from ..records.codec import decode, from_plain, json_values
from ..records.health import Health, StallFigures

_LIMIT = 5.0  # seconds for one look
_STALLS_PERIOD = 0.25  # seconds: the table costs the service more than all its other figures


class Service(Protocol):
    """A service that runs. ``url`` is where, without a path."""

    @property
    def url(self) -> str: ...

    async def sample(self, *, reset: bool = True) -> Health | None:
        """The service now, over the time since the last reset; None when it cannot be seen."""


class RunningServer:
    """A server at a URL. It is seen inside when it serves trio_lab's `/health` and has one process; otherwise it is a black
    box."""

    def __init__(self, url: str) -> None:
        target = Target.parse(url)
        self._url = f"{'https' if target.secure else 'http'}://{target.authority}"
        self._seen = self._tells_stalls = True
        self._has_told = self._has_told_stalls = False
        self._stalls_due = -math.inf

    @property
    def url(self) -> str:
        return self._url

    async def sample(self, *, reset: bool = True) -> Health | None:
        if not self._seen:
            return None
        try:
            health = decode(Health, await self._get(f"/health?reset={int(reset)}"))
        except trio.TooSlowError:
            return None  # under load: it may answer again
        except OSError:
            self._seen = self._has_told  # so may one that has answered before
            return None
        except msgspec.DecodeError:
            self._seen = False
            return None
        self._has_told = True
        if health.partial:
            self._seen = False
            return None
        if not self._tells_stalls or trio.current_time() < self._stalls_due:
            return health
        self._stalls_due = trio.current_time() + _STALLS_PERIOD
        return replace(health, stalls=await self._stalls())

    async def _stalls(self) -> tuple[StallFigures, ...] | None:
        try:
            found = json_values(await self._get("/stalls"))
            table = from_plain(tuple[StallFigures, ...], found["table"])
        except trio.TooSlowError:
            return None
        except OSError:
            self._tells_stalls = self._has_told_stalls
            return None
        except (msgspec.DecodeError, KeyError, TypeError):
            self._tells_stalls = False
            return None
        self._has_told_stalls = True
        return table

    async def _get(self, path: str) -> bytes:
        reply = await fetch(self.url + path, timeout=_LIMIT)
        if reply.status != 200:
            raise ConnectionError(f"{path} was answered with {reply.status}")
        return reply.body
