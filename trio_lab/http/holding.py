"""Requests that would wait for a pool are held on their bare connection, before the protocol and Quart see them.

Most requests that are lost under overload are lost while they wait: their callers leave, or they are refused. With a protocol,
its tasks and Quart each of them costs about a millisecond of the loop, which the others then lack. So when a plain request
(`plain`) comes for a route whose job is declared (`pool_job`), and its pool has no free place:

- It takes a place of the admission in front of the app, which sees its class, whose it is, and its deadline. If none is free,
  it takes the usual way, and waits for one there.
- Its job is given to the pool from here. The pool counts it once, and decides about it as about any other job.
- Meanwhile the connection keeps the bytes of the request, and nothing else is made for it. If its client leaves (`callers`),
  the job is cancelled.
- If its pool has no room for it, it is refused at once, on a bare connection without a task (`bare.refuse_at_once`). While it
  waits, it has no task either (`asking`), unless its connection has a protocol.
- If the pool refuses it later, the 503 is written at once (`answers.refusal`). The connection stays open, unless the client
  asked for its end or the server is ending.
- When its job has ended, with a result or an error, the request goes through the protocol and Quart to its handler, which
  finds the outcome (`IN_HAND`).

So a place in a pool is never idle while its request comes through Quart, and is never lost with its caller.

Requests that need not wait take the usual way, and so do those that are pipelined behind a request in the protocol. Under the
naive profile nothing is held: there, work is done to its end even if the client has left.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, TypeVar

from ..errors import Overloaded
from .admitted import Admitted
from .answers import ending, refusal
from .app import LabApp
from .callers import Caller
from .connections import Settings, Socket, client_address
from .epoll_set import EpollSet
from .plain import PlainRequest, plain_request
from .pool_job import WAITED, Held, PoolJob, Waited
from .query import BadQuery

REST = 0.008
"""Seconds between two looks at an `EpollSet` while many requests wait. Much of what a lost request costs is a pass of the loop
for each thing that happens: its client connects, sends, leaves. None of it is urgent then, so several of them share a pass. New
connections that ask for something else wait as well; one that has its task does not."""
_MANY = 16
"""Requests in a queue that keep a pool busy for `REST`: the loop takes half a millisecond for each that is served."""

T = TypeVar("T")


class _Unbounded:
    """The block of a server without an admission."""

    def __enter__(self) -> bool:
        return True

    def __exit__(self, *_: object) -> None: ...

    def lift(self) -> None: ...


class Holding:
    """What the connections of one server share."""

    def __init__(self, app: LabApp, settings: Settings) -> None:
        self.app = app
        self._settings = settings
        self._beginnings = tuple(b"GET " + path.encode() for path in app.jobs)

    def may_rest(self) -> bool:
        """Whether what happens at the door can wait for `REST`: a request that comes now has to wait for longer."""
        return self.app.lab.most_waiting() >= _MANY

    def next_job(self, data: bytes, waited: Waited | None = None) -> tuple[PlainRequest, PoolJob] | None:
        """The request at the beginning of ``data`` and its job, if it is to be held. One that has ``waited`` is, even if
        its pool has a free place by now."""
        if not data.startswith(self._beginnings):  # most requests, seen at once
            return None
        lab, waits = self.app.lab, waited is not None
        if not (waits or lab.is_full()) or (request := plain_request(data)) is None:
            return None
        if request.path not in self.app.jobs:
            return None
        try:
            job = self.app.jobs[request.path](request.query)
        except BadQuery:
            return None
        return (request, job) if job is not None and (waits or lab.would_wait(job)) else None

    def admitted(self, request: PlainRequest, connected: Socket) -> Admitted:
        """A place of the admission for the length of the block: whether there is one."""
        if (admission := self.app.admission) is None:
            return _Unbounded()
        return admission.held(request.scope(client_address(connected)))

    def turn_away(self, request: PlainRequest, job: PoolJob, connected: Socket, *, closes: bool) -> bytes | None:
        """The refusal of a request for which its pool has no room; None if it may wait. ``closes``: it is the last reply."""
        if self.app.lab.has_room(job):
            return None
        with self.admitted(request, connected) as admitted:
            return self.refusal(self.app.turn_away(request.path, job), closes=closes) if admitted else None

    async def run(self, request: PlainRequest, job: PoolJob) -> Held:
        """Give the job to its pool. Raises `Overloaded` if the pool refuses it."""
        return await self.app.run_held(request.path, job)

    def refusal(self, error: Overloaded, *, closes: bool) -> bytes:
        return refusal(error, self._settings.response_headers("h11"), closes=closes)

    def ending(self) -> bytes:
        """The reply to a request that is cut off by the end of the server."""
        return ending(self._settings.response_headers("h11"))


class Holder(ABC):
    """A connection that holds requests, on either event loop."""

    context: Any
    """hypercorn's: it knows the time, and whether the server is ending."""
    sockets: EpollSet
    holding: Holding | None = None
    in_hand: Held | None = None
    """The outcome of the request that the protocol gets next."""
    sent_ahead = b""
    """What was sent of its reply."""
    is_last = False
    """A reply was sent from here that is the connection's last."""

    def take_over(self, bare: Holder) -> None:
        """Go on with a connection that was served by another holder."""
        self.sockets, self.holding = bare.sockets, bare.holding
        self.in_hand, self.sent_ahead, self.is_last = bare.in_hand, bare.sent_ahead, bare.is_last

    @abstractmethod
    def socket(self) -> Socket: ...

    @abstractmethod
    def send_now(self, data: bytes) -> int:
        """Send what can be sent at once; the number of bytes. Raises `OSError`."""

    @abstractmethod
    async def send(self, data: bytes) -> None:
        """Send all of it. Returns quietly if the client is gone: the next read will find out."""

    @abstractmethod
    async def unless_left(self, caller: Caller, work: Awaitable[T]) -> T | None:
        """What ``work`` returns; None if it was cancelled because the client left."""

    async def answer_held(self, data: bytes) -> bytes:
        """Hold the requests at the beginning of ``data`` as long as they are to be held, and answer those that are refused.
        Returns what the protocol is to get: the first request that is not held, or whose outcome is `in_hand`, and the rest.

        Raises:
            ConnectionError: the client has left.
        """
        while data and self.holding is not None and (held := self.holding.next_job(data, WAITED.get())) is not None:
            if await self._hold(self.holding, *held):
                break
            data = data[held[0].size :]
            if self.is_last:
                return b""
            if data:
                await self.context.sleep(0)  # many requests may have come together: let other tasks run
        return data

    async def _hold(self, holding: Holding, request: PlainRequest, job: PoolJob) -> bool:
        """Hold one request. False when it was refused here. True when the protocol is to get it: its job has ended, or the
        admission has no place for it now."""
        waited, closes = WAITED.get(), request.closes or self.context.terminated.is_set()
        if waited is None and (reply := holding.turn_away(request, job, self.socket(), closes=closes)):
            reply, self.sent_ahead, self.is_last = reply.removeprefix(self.sent_ahead), b"", closes
            await self.send(reply)
            return False
        caller = Caller(self.socket(), self.send_now)
        caller.sent_ahead, self.sent_ahead = self.sent_ahead, b""
        try:
            place = None if waited is None else waited.admitted
            with place or holding.admitted(request, caller.connected) as admitted:
                if not admitted:
                    return True
                self.in_hand = await self.unless_left(caller, holding.run(request, job))
                if self.in_hand is None:
                    raise ConnectionResetError
        except Overloaded as error:
            self.is_last = request.closes or self.context.terminated.is_set()
            await self.send(holding.refusal(error, closes=self.is_last).removeprefix(caller.sent_ahead))
            return False
        except ConnectionError:
            raise
        except BaseException:  # the server's end
            self._cut_off(holding, caller)
            raise
        self.sent_ahead = caller.sent_ahead
        return True

    def _cut_off(self, holding: Holding, caller: Caller) -> None:
        with suppress(OSError):
            self.send_now(holding.ending().removeprefix(caller.sent_ahead))
