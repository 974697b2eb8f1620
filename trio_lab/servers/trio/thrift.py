"""What hypercorn 0.18 does on Trio at every request and need not: the same behaviour for less.

A request costs a pass of the run loop wherever a task is started, ended, or stands at a checkpoint, and on Trio a pass
costs more than most of what is done in it. Profiles of a bare ASGI app showed where passes went that bring nothing; each
of these stands in for one method (`upstream` puts them in place, under the same conditions as its own):

- **The idle time.** The task that closes idle connections was ended when a request came and started anew when it was
  answered, with a nursery, a lock and two checkpoints each time. Here it lives as long as its connection, and what a
  request does is to set a number: when the idle time will be over.
- **Head and body apart.** Each went to the kernel on its own, and the end of a body, which is empty, went there too, all
  three through a lock. A head now waits for the first piece of its body, as ASGI wants it.
- **A checkpoint at every hand-over.** A lock that is free and a channel that has room need no waiting. Sending and
  receiving still are checkpoints, so no connection keeps the loop.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any, cast

import h11
import trio
from hypercorn.events import Closed, RawData
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer

Method = Callable[..., Awaitable[Any]]

_MADE = "trio_lab.made"


class IdleTime:
    """The idle time of one connection: ``close`` is called when nothing was asked for so many ``seconds``.

    It has the methods that hypercorn calls on what it keeps in its place; they never suspend. ``terminated`` is
    hypercorn's event for the end of the server, at which idle connections are closed at once.
    """

    def __init__(self, seconds: float, terminated: Any, close: Callable[[], Awaitable[None]]) -> None:
        self._seconds = seconds
        self._terminated = terminated
        self._close = close
        self._over_at = math.inf  # infinite while a request is in flight
        self._watching: trio.CancelScope | None = None
        self._ended = False

    async def restart(self, task_group: TaskGroup, action: object) -> None:
        """A connection is idle from now on."""
        if self._ended:
            return
        self._over_at = trio.current_time() + self._seconds
        if self._watching is None:
            self._watching = trio.CancelScope()
            task_group.spawn(self._watch, self._watching)

    async def stop(self) -> None:
        """A request has come."""
        self._over_at = math.inf

    def end(self) -> None:
        """Nobody reads the connection any more: a reply that is still on its way must not make it idle again."""
        self._ended = True
        self._over_at = math.inf
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self, scope: trio.CancelScope) -> None:
        with scope:
            while (now := trio.current_time()) < self._over_at:
                # Not until it is over: while this sleeps it may come later, and is never told.
                with trio.move_on_at(min(self._over_at, now + self._seconds)):
                    await self._terminated.wait()
                    break
            if self._over_at < math.inf:  # else a reply is on its way, and ends with closing
                with trio.CancelScope(shield=True):
                    await self._close()


def one_task_for_the_idle_time(original: Method) -> Method:
    async def run(self: TCPServer) -> None:
        idle_time = IdleTime(self.config.keep_alive_timeout, self.context.terminated, self._initiate_server_close)
        self.idle_task = cast(Any, idle_time)
        await original(self)

    return run


def no_waiting_for_a_free_lock(original: Method) -> Method:
    async def protocol_send(self: TCPServer, event: Any) -> None:
        if not isinstance(event, RawData):
            await original(self, event)
            return
        try:
            self.send_lock.acquire_nowait()
        except trio.WouldBlock:
            await self.send_lock.acquire()
        try:
            with trio.CancelScope(shield=True):
                await self.stream.send_all(event.data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await self.protocol.handle(Closed())
        finally:
            self.send_lock.release()

    return protocol_send


def head_and_body_together(_: Method) -> Method:
    async def _send_h11_event(self: H11Protocol, event: Any) -> None:
        connection = cast(h11.Connection, self.connection)
        try:
            data = connection.send(event) or b""
        except h11.LocalProtocolError:
            if connection.their_state != h11.ERROR:
                raise
            return
        held = vars(self).pop("held_head", b"")
        if isinstance(event, h11.Response):
            vars(self)["held_head"] = data
        elif held or data:
            await self.send(RawData(data=held + data))

    return _send_h11_event


def made_at(scope: Mapping[str, Any]) -> float | None:
    """When the head of a request had been read, by `perf_counter`; None when nobody noted it."""
    found: float | None = (scope.get("extensions") or {}).get(_MADE)
    return found


def a_note_of_the_time(original: Method) -> Method:
    async def spawn_app(self: TaskGroup, app: Any, config: Any, scope: Any, send: Any) -> Any:
        if scope["type"] == "http":
            scope["extensions"][_MADE] = perf_counter()
        return await original(self, app, config, scope, send)

    return spawn_app


def no_waiting_for_room_that_is_there(original: Method) -> Method:
    async def spawn_app(self: TaskGroup, app: Any, config: Any, scope: Any, send: Any) -> Any:
        channel_send = await original(self, app, config, scope, send)
        send_nowait = channel_send.__self__.send_nowait

        async def put(event: Any) -> None:
            try:
                send_nowait(event)
            except trio.WouldBlock:
                await channel_send(event)

        return put

    return spawn_app
