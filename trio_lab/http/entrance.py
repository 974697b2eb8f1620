"""Where connections come in, on both event loops: the door, and behind it what waits for a pool without a task.

What one event loop does its own way is given: its class of bare connections, how it starts a task, and how it calls something
later.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from .asking import Asking
from .bare import BareConnection, refuse_at_once
from .connections import LiveConnections
from .door import Door
from .epoll_set import EpollSet
from .holding import Holding
from .listening import LAST_TURNS, Shortage
from .pool_job import Waited
from .sharing import Shared

_LOOK = 0.01  # seconds until the next look whether clients have sent their first bytes

Later = Callable[[float, Callable[[], None]], object]


class Entrance:
    """That of one server. ``context`` is hypercorn's. ``start(call, *args)`` starts a task; ``speak`` is that of
    `BareConnection.serve`. Without ``holding`` no request waits here. ``shared``: other processes accept from
    the listener too."""

    def __init__(
        self,
        listener: socket.socket,
        sockets: EpollSet,
        *,
        idle_time: float,
        context: Any,
        live: LiveConnections,
        holding: Holding | None,
        bare: type[BareConnection],
        start: Callable[..., object],
        later: Later,
        speak: Callable[[BareConnection, bytes], Awaitable[None]],
        shared: Shared | None = None,
    ) -> None:
        self._sockets, self._context, self._live, self._holding = sockets, context, live, holding
        self._bare, self._start, self._speak = bare, start, speak
        self._asking: Asking | None = None
        self.door = Door(
            listener,
            sockets,
            idle_time=idle_time,
            refuse=self._refuse,
            begin=self._begin,
            later=later,
            shortage=Shortage(),
            shared=shared,
            begun=live.__len__,
            may_rest=self._may_rest,
        )
        if holding is not None:
            self._asking = Asking(holding, live, later=later, go_on=self._go_on, come_back=self.door.let_in)

    def _may_rest(self) -> bool:
        return self._holding is not None and self._holding.may_rest()

    def _refuse(self, accepted: socket.socket, data: bytes) -> bool:
        return refuse_at_once(accepted, data, self._context, self._holding)

    def _begin(self, accepted: socket.socket, data: bytes) -> None:
        bare = self._bare(accepted, self._context, self._live, self._sockets, self._holding)
        if self._asking is None:
            self._go_on(bare, data)
        else:
            self._asking.begin(bare, data)

    def _go_on(self, bare: BareConnection, data: bytes, waited: Waited | None = None) -> None:
        self._start(bare.serve, data, self.door, self._speak, waited)

    async def end(self, grace: float) -> None:
        """Connections end with their next reply, and no request that comes now may wait. Those that wait have their time, and
        clients that have just connected have a moment to send their request, of ``grace`` seconds at most."""
        until = monotonic() + grace
        for _ in range(LAST_TURNS):
            await self._context.sleep(0)
        await self._context.terminated.set()
        if self._asking is not None:
            self._start(self._asking.until_settled, self._context.sleep)
        while self.door.expects_first_bytes() and monotonic() < until:
            await self._context.sleep(_LOOK)
