"""A live page that is open, without a browser: the events that it gets, and when."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from time import perf_counter

import trio

from ..load.target import Target
from ..records.codec import decode
from ..records.live import LiveView


@dataclass(slots=True)
class OpenPage:
    """``events`` come with their moments."""

    events: list[tuple[float, LiveView]] = field(default_factory=list)

    async def read(self, live: str) -> None:
        """Read them from the side process at this address, until cancelled."""
        target = Target.parse(live)
        async with await trio.open_tcp_stream(target.host, target.port) as stream:
            await stream.send_all(f"GET /events HTTP/1.1\r\nHost: {target.authority}\r\n\r\n".encode())
            heard = b""
            async for data in stream:
                *lines, heard = (heard + data).split(b"\n")
                now = perf_counter()
                self.events += [(now, decode(LiveView, line[6:])) for line in lines if line.startswith(b"data: ")]

    def longest_gap(self, begin: float, end: float) -> float:
        """The most seconds between two moments in which no event came. One that began earlier or lasts on counts as far as it
        lies between them."""
        moments = [begin, *(at for at, _ in self.events if begin < at < end), end]
        return max(later - earlier for earlier, later in pairwise(moments))

    def shown_after(self, begin: float, shows: Callable[[LiveView], bool]) -> float:
        """Seconds from a moment until an event has shown this; infinite if none has."""
        return next((at - begin for at, view in self.events if at >= begin and shows(view)), math.inf)
