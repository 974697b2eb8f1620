"""A pool of database connections with backpressure: so many connections, so many callers that may wait, each for so long.

The pool is a bulkhead with one connection for each place. Connections are opened when they are first needed and kept. One is
given to the next caller only when the database says that it is clean: no transaction is open and no statement runs. If it is
not, or its server has gone, it is closed, and another is opened in its place when somebody needs it. So callers never share a
connection, none is lost, and none is ever more than ``size``.

What a connection is, is the business of a `Database`: `database.sqlite` and `database.postgres`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

import trio

from ..admission.bulkhead import BehindBulkhead
from ..admission.choice import Chosen
from ..admission.classes import Share
from ..admission.gate import Place
from ..admission.on_trio import Bulkhead
from ..blocks import block
from ..preconditions import require_count, require_loop

C = TypeVar("C")

_CLEANING = 2.0  # seconds: for that long a connection may take to be made clean, whatever becomes of its caller


class Database(Protocol[C]):
    """How connections are opened and looked after. Each of the methods may raise OSError, and `trio.Cancelled`."""

    async def open(self) -> C:
        """A new connection. Raises OSError when there is none to be had."""

    async def is_alive(self, connection: C, *, unused: float) -> bool:
        """Whether it still answers, ``unused`` seconds after its last caller. It is asked before each use."""

    async def make_clean(self, connection: C) -> bool:
        """End what its last caller left open. False if it cannot be used any more."""

    async def close(self, connection: C) -> None:
        """Close it, at once."""


class ConnectionPool(BehindBulkhead, Generic[C]):
    """Open it with `open_connection_pool`. A queue like any other."""

    def __init__(self, database: Database[C], bulkhead: Bulkhead) -> None:
        self._database = database
        self._bulkhead = bulkhead
        self._idle: list[tuple[float, C]] = []
        self._opened = 0
        self._replaced = 0
        self._is_closed = False

    def __repr__(self) -> str:
        b = self._bulkhead
        return f"<ConnectionPool {b.in_service}/{b.capacity} busy, {self._opened} open, {b.waiting} queued>"

    @property
    def size(self) -> int:
        """Connections that may be open at once."""
        return self._bulkhead.capacity

    @property
    def opened(self) -> int:
        """Connections that are open now, idle ones included."""
        return self._opened

    @property
    def replaced(self) -> int:
        """Connections that were closed because they could not be used any more."""
        return self._replaced

    @block
    async def connection(
        self, *, queue_timeout: float | None = None, kind: str = "", priority: int = 0
    ) -> AsyncIterator[C]:
        """A connection for the length of the block. What is not committed at its end is rolled back.

        Raises:
            QueueFull, QueueTimeout, Shed: see `Bulkhead.enter`.
            trio.ClosedResourceError: the pool was closed.
            OSError: the database cannot be reached; this is told at once, and every caller tries anew.
        """
        async with self._bulkhead.place(queue_timeout=queue_timeout, kind=kind, priority=priority):
            connection = await self._take()
            try:
                yield connection
            finally:
                await self._give_back(connection)

    async def _take(self) -> C:
        """The connection used last: the others may rest until they are closed."""
        while self._idle:
            since, connection = self._idle.pop()
            try:
                alive = await self._database.is_alive(connection, unused=trio.current_time() - since)
            except BaseException:
                await self._drop(connection)
                raise
            if alive:
                return connection
            await self._drop(connection)
        self._opened += 1
        try:
            return await self._database.open()
        except BaseException:
            self._opened -= 1
            raise

    @trio.lowlevel.enable_ki_protection
    async def _give_back(self, connection: C) -> None:
        clean = False
        try:
            with trio.move_on_after(_CLEANING, shield=True), suppress(OSError):  # it broke
                clean = await self._database.make_clean(connection)
        finally:
            if clean and not self._is_closed:
                self._idle.append((trio.current_time(), connection))
            else:
                await self._drop(connection)

    async def _drop(self, connection: C) -> None:
        self._opened -= 1
        self._replaced += not self._is_closed
        with trio.move_on_after(_CLEANING, shield=True), suppress(OSError):
            await self._database.close(connection)

    async def _close(self) -> None:
        self._is_closed = True
        self._bulkhead.close()
        while self._idle:
            await self._drop(self._idle.pop()[1])


@block
async def open_connection_pool(
    database: Database[C],
    *,
    size: int = 4,
    max_queue: int | None = 200,
    queue_timeout: float | None = 30.0,
    discipline: Chosen[Place] = None,
    shares: Mapping[str, Share] | None = None,
    name: str = "database",
) -> AsyncIterator[ConnectionPool[C]]:
    """A pool of at most ``size`` connections for the length of the block.

    ``max_queue`` callers may wait, each for ``queue_timeout`` seconds; None is no bound. With ``shares`` every caller is of
    one of these kinds, and so many of each may wait: ``{"fast": Share(share=1), "slow": Share(share=1, most=0.25)}`` lets
    slow queries hold a quarter of the connections at most.

    At the end of the block callers that wait get `trio.ClosedResourceError`, and connections are closed as they come back.
    """
    require_loop("open_connection_pool", "Trio")
    require_count("size", size, low=1)
    if max_queue is not None:
        require_count("max_queue", max_queue, low=0)
    bulkhead = Bulkhead(
        name,
        capacity=size,
        max_waiting=max_queue,
        queue_timeout=queue_timeout,
        discipline=discipline,
        shares=shares,
    )
    pool = ConnectionPool(database, bulkhead)
    try:
        yield pool
    finally:
        await pool._close()
