"""Requests that wait for a pool without a task: only their socket, their bytes, and what the pool is asked for.

A request that is held in a task (`holding`) costs the loop a task, two cancel scopes, and the exception that ends them when
its client leaves; all of it for nothing if the request is lost. So no task is made until the pool has given the place
(`Lab.ask`). Trio's worker pool is given the job itself, and the task begins when that has ended. What was asked for is reserved
for the task (`admission.reserved`), which holds the request as any other. If the client leaves before, or the pool refuses the
request, it is settled here.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from math import inf
from typing import Protocol

from ..errors import Overloaded
from .bare import BareConnection
from .callers import Caller
from .connections import LiveConnections
from .holding import Holding
from .lab import Asked
from .plain import PlainRequest
from .pool_job import PoolJob, Waited

_LOOK = 0.05  # seconds between two looks for the last ones at the server's end
_LATE, _LATEST = 0.05, 0.05
"""How late a wait may be ended: by this part of its length, and by so many seconds. Those that are over within that time are
ended in one pass of the loop."""


class GoOn(Protocol):
    """Starts the task of a connection. ``waited`` is the wait of the first request in ``data``."""

    def __call__(self, bare: BareConnection, data: bytes, waited: Waited | None = None, /) -> object: ...


class Asking:
    """Those of one server. ``later(seconds, call)`` is the loop's; ``come_back`` takes a connection that has nothing to say."""

    def __init__(
        self,
        holding: Holding,
        live: LiveConnections,
        *,
        later: Callable[[float, Callable[[], None]], object],
        go_on: GoOn,
        come_back: Callable[[socket.socket], object],
    ) -> None:
        self.app = holding.app
        self.holding = holding
        self.live = live
        self._go_on = go_on
        self._context = copy_context()
        self.come_back = come_back
        self.pending: set[_Waiting] = set()
        self._later = later
        self._look_at = inf  # by the clock of the loop: when those whose wait is over are looked for next

    def begin(self, bare: BareConnection, data: bytes) -> None:
        """Let the first request of a connection wait here, or start its task."""
        if not self._take(bare, data):
            self.go_on(bare, data)

    def go_on(self, bare: BareConnection, data: bytes, waited: Waited | None = None) -> None:
        """Start the task of a connection, in a context of its own: whoever gives the place back may be in that of another
        request, with its deadline and its ledger."""
        self._context.copy().run(self._go_on, bare, data, waited)

    def _take(self, bare: BareConnection, data: bytes) -> bool:
        if bare.context.terminated.is_set() or (held := self.holding.next_job(data)) is None:
            return False
        request, job = held
        if request.closes or not self.app.lab.has_room(job):
            return False
        return _Waiting(self, bare, data, request).begin(job)

    def look_at(self, moment: float) -> None:
        """Look then, at the latest, for those whose wait is over."""
        if moment < self._look_at:
            self._look_at = moment
            self._later(max(0.0, moment - self.app.now()), partial(self._look, moment))

    def _look(self, moment: float) -> None:
        if moment == self._look_at:  # else there was a look before, which was to be sooner
            self._look_at = inf
            self.app.lab.expire()
            self.look_at(min((waiting.ends_by for waiting in self.pending), default=inf))

    async def until_settled(self, sleep: Callable[[float], Awaitable[object]]) -> None:
        """Returns when all are settled. If it is cancelled, those that are left are cut off."""
        try:
            while self.pending:
                await sleep(_LOOK)
        finally:
            for asked in list(self.pending):
                asked.cut_off()


class _Waiting:
    """One request that waits."""

    __slots__ = ("_admitted", "_asked", "_asking", "_bare", "_caller", "_data", "_request", "_waited", "ends_by")

    _asked: Asked

    def __init__(self, asking: Asking, bare: BareConnection, data: bytes, request: PlainRequest) -> None:
        self._asking, self._bare, self._data, self._request = asking, bare, data, request
        self._caller = Caller(bare.socket(), bare.send_now)
        self._admitted = asking.holding.admitted(request, bare.socket())
        self._waited = asking.app.begin_wait(request.path, self._admitted)

    def begin(self, job: PoolJob) -> bool:
        """Ask its pool; False if there is no place in the admission."""
        asking, admitted = self._asking, self._admitted
        if not admitted.__enter__():
            admitted.__exit__(None, None, None)
            return False
        try:
            self._asked = asking.app.lab.ask(job, self._told)
        except BaseException as error:
            admitted.__exit__(None, None, None)
            if not isinstance(error, Overloaded):
                raise
            self._lost(error)
            self._refuse(error)
            return True
        admitted.lift()
        self._caller.watched(self._bare.sockets, self._left).__enter__()
        asking.live.add(self._bare.socket())
        asking.pending.add(self)
        if self._asked.waits:
            now, due = asking.app.now(), self._asked.due
            self.ends_by = due + min(_LATEST, _LATE * (due - now))
            asking.look_at(self.ends_by)
        else:
            self._told(self._asked.refusal)
        return True

    def _told(self, refusal: Exception | None) -> None:
        """The pool has given the place, or ended the job, or refuses the request."""
        if refusal is None:
            self._forget()
            self._waited.reserved = self._asked.reserve()
            self._bare.sent_ahead = self._caller.sent_ahead
            self._asking.go_on(self._bare, self._data, self._waited)
            return
        self._settle(None)
        if isinstance(refusal, Overloaded):
            self._lost(refusal)
            self._refuse(refusal)
        else:
            self._end()

    def _refuse(self, refusal: Overloaded) -> None:
        bare, rest = self._bare, self._data[self._request.size :]
        bare.is_last = bare.context.terminated.is_set()
        reply = self._asking.holding.refusal(refusal, closes=bare.is_last)
        bare.send_or_cut(reply.removeprefix(self._caller.sent_ahead))
        if rest or bare.is_last:
            self._asking.go_on(bare, b"" if bare.is_last else rest)
        else:
            self._asking.come_back(bare.socket())

    def _left(self) -> None:
        """The client has left."""
        self._settle(ConnectionResetError)
        self._asked.give_up(self._waited.ledger)
        self._lost(None)
        self._bare.socket().close()

    def cut_off(self) -> None:
        """The server ends."""
        self._settle(None)
        self._asked.give_up(self._waited.ledger)
        self._end()

    def _end(self) -> None:
        self._lost(None)
        with suppress(OSError):
            self._bare.send_now(self._asking.holding.ending().removeprefix(self._caller.sent_ahead))
        self._bare.socket().close()

    def _settle(self, why: type[BaseException] | None) -> None:
        self._forget()
        self._admitted.__exit__(why, None, None)

    def _forget(self) -> None:
        """It waits here no longer. Its place in the admission goes with it to its task."""
        self._asking.pending.discard(self)
        self._asking.live.discard(self._bare.socket())
        self._caller.__exit__()

    def _lost(self, refusal: Overloaded | None) -> None:
        self._asking.app.lose_held(self._waited, refusal)
