"""The clients of a run: what an event on a connection means. What each client does next is decided by a subclass, for a
closed or for an open workload.

All of it is synchronous: the generator says when something may have happened, and this module decides what follows. Two
things make an event cheap, both measured. A reply that is byte for byte the same as one that was parsed before means the
same, so it is looked up instead of parsed again (0.2 µs, not 1 µs). And instead of a timer for each request there is one
for each connection, which is moved when it fires and not when the request ends. Most of what remains is the kernel's: recv
and send take 12 of 21 µs.
"""

from __future__ import annotations

import heapq
import math
import select
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial

from trio_lab.load.connection import Connection, State, error_kind
from trio_lab.load.parts import Kind, Parts
from trio_lab.load.plan import LoadPlan
from trio_lab.load.poller import Events, Poller
from trio_lab.load.replies import BadReply, HeadReader, ReplyReader
from trio_lab.load.tally import Tally
from trio_lab.load.target import Address, Target
from trio_lab.load.tls import TlsConnection, client_context

_RECEIVE = 1 << 16  # bytes a read
_KNOWN_SIZE, _KNOWN_COUNT = 2048, 256  # longest reply that is remembered, and how many
_REPEATABLE = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")  # done twice is as good as done once (RFC 9110, 9.2.2)


class Clients(ABC):
    """Every client of one run and its connection. Times are of `time.perf_counter`."""

    def __init__(self, plan: LoadPlan, targets: list[Target], address: Address, poller: Poller) -> None:
        self._family, self._address = address
        self._requests = [target.request(plan) for target in targets]
        self._repeatable = plan.verb in _REPEATABLE
        self._patience = plan.patience
        self._plan = plan
        self.tally = self._new_tally(0.0)
        self.parts: Parts | None = None
        connection: Callable[..., Connection] = Connection
        if targets[0].secure:
            context = client_context(insecure=plan.insecure)
            connection = partial(TlsConnection, context=context, server_name=targets[0].name)
        reader = HeadReader if plan.verb == "HEAD" else ReplyReader
        self._connections = [
            connection(i, poller.epoll, self._requests[0], self.tally, reader) for i in range(plan.connections)
        ]
        for one in self._connections:
            one.patience = plan.patience
        self._by_fd: dict[int, Connection] = {}
        self._timers: list[tuple[float, int]] = []  # (moment, index of the connection); see `_watch`
        self._known: dict[bytes, int] = {}  # replies seen whole, and their status
        self._sending = False
        self.reached = False  # a connection was made
        self.reconnects = 0

    def _new_tally(self, now: float) -> Tally:
        plan = self._plan
        return Tally(start=now, end=now + plan.span, interval=plan.interval, keep_samples=plan.keep_samples)

    # Stages of a run.

    def connect(self) -> None:
        """Begin to connect all; no request is sent yet."""
        for connection in self._connections:
            self._open(connection, 0.0)

    @property
    def connecting(self) -> bool:
        return any(connection.state is State.CONNECTING for connection in self._connections)

    def start(self, now: float) -> None:
        """Start the clock, and send."""
        plan = self._plan
        self.tally = self._new_tally(now)
        for connection in self._connections:
            connection.tally = self.tally
        if len(self._requests) > 1 or len(plan.stages) > 1:
            weights = [weight for _, weight in plan.mix]
            self.parts = Parts(requests=self._requests, weights=weights, steps=plan.schedule, whole=self.tally)
        self._sending = True

    @abstractmethod
    def tick(self, now: float) -> None:
        """Do everything that is due."""

    @property
    def done(self) -> bool:
        return not self._sending and self.tally.in_flight == 0

    def backlog(self, now: float) -> int:
        """Requests that are due and not sent."""
        return 0

    def next_moment(self) -> tuple[float, bool]:
        """When `tick` has something to do, and whether it should be exactly then."""
        moment = self.tally.boundary
        return (min(moment, self._timers[0][0]) if self._timers else moment), False

    @abstractmethod
    def try_once(self, now: float) -> None:
        """Send no more than what `start` began: the server cannot be reached."""

    def stop(self, now: float) -> None:
        """End the duration now. What is due and in flight is still waited for."""
        self.tally.stop(now)

    def abandon(self, now: float) -> int:
        """Give up what is still due, and take back what is in flight: how it would have ended is not known."""
        busy = [connection for connection in self._connections if connection.busy]
        for connection in busy:
            connection.tally.take_back(connection.intended, connection.sent_at, now)
        return len(busy)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    # Something happened on a connection.

    def handle(self, ready: Events) -> None:
        """Read everything first, then act. A send takes five times as long as a read, so replies at the end of the batch
        would seem slower by all the sends before them, although they have arrived."""
        by_fd, clock, waiting, idle = self._by_fd, time.perf_counter, State.WAITING, State.IDLE
        came: list[tuple[Connection, bytes, float]] = []
        for fd, flags in ready:
            connection = by_fd[fd]
            if connection.state is waiting:
                try:
                    data = connection.recv(_RECEIVE)
                except BlockingIOError:
                    continue
                except OSError as error:
                    self._lost(connection, error_kind(error), clock())
                    continue
                came.append((connection, data, clock()))
            elif connection.state is idle:
                if connection.ended():
                    self._lost(connection, "", clock())  # no client waits here
            else:
                self._half_way(connection, flags, clock())
        known = self._known
        for connection, data, now in came:
            if data in known and not connection.reader.midway:
                self._replied(connection, known[data], now)
            else:
                self._parse(connection, data, now)

    def _parse(self, connection: Connection, data: bytes, now: float) -> None:
        reader = connection.reader
        in_one = not reader.midway
        try:
            status = reader.feed(data) if data else reader.end()
        except BadReply as error:
            self._lost(connection, str(error), now, gone=not data)
            return
        if not status:
            return
        if not reader.keep_alive:
            connection.close()
        elif in_one and len(data) <= _KNOWN_SIZE:
            if len(self._known) >= _KNOWN_COUNT:
                self._known.clear()  # replies differ, or their Date has moved on
            self._known[data] = status
        self._replied(connection, status, now)

    def _replied(self, connection: Connection, status: int, now: float) -> None:
        if now - connection.intended > connection.patience:
            self._give_up(connection, now)
            return
        connection.tally.reply(status, connection.intended, connection.sent_at, now)
        connection.reused = True
        connection.backoff = 0.0
        if connection.state is State.WAITING:
            connection.state = State.IDLE
        self._next(connection, time.perf_counter())

    def _half_way(self, connection: Connection, flags: int, now: float) -> None:
        """Something happened before the request was sent completely."""
        if connection.state is State.CONNECTING:
            self._connected(connection, now)
        elif flags & select.EPOLLIN:
            self._replied_early(connection, now)
        else:
            try:
                connection.send_on()
            except BlockingIOError:
                pass
            except OSError:
                self._replied_early(connection, now)  # if there is a reply, it says more than the error

    def _replied_early(self, connection: Connection, now: float) -> None:
        """A server that replies before it has read the whole request does not want the rest, and closes."""
        data = b""
        try:
            data = connection.recv(_RECEIVE)
            status = connection.reader.feed(data) if data else connection.reader.end()
        except BlockingIOError:
            return
        except BadReply as error:
            self._lost(connection, str(error), now, gone=not data)
        except OSError as error:
            self._lost(connection, error_kind(error), now)
        else:
            if status:
                connection.close()
                self._replied(connection, status, now)

    def _connected(self, connection: Connection, now: float) -> None:
        try:
            if not connection.connected():
                return
        except OSError as error:
            self._lost(connection, error_kind(error), now)
            return
        self.reached = True
        if connection.busy:
            self._send(connection, now)
        else:
            connection.reused = True

    def _lost(self, connection: Connection, kind: str, now: float, *, gone: bool = True) -> None:
        """The connection is of no more use. ``gone``: the peer ended it; otherwise it sent what is not HTTP."""
        # A server may close a kept connection just when we send on it. That is not a refusal, and every HTTP client sends
        # the request once more on a new connection; only once, because that one is not reused. A request that must not
        # be done twice is not sent again: it may have been done.
        again = gone and connection.reused and not connection.reader.midway and self._repeatable
        connection.close()
        if not connection.busy:
            self._lost_idle(connection)
        elif again:
            self._open(connection, now)
        else:
            connection.tally.error(kind, now)
            self._next(connection, now, failed=True)

    @abstractmethod
    def _lost_idle(self, connection: Connection) -> None:
        """A connection without a request was closed."""

    # Something is due.

    def _watch(self, connection: Connection, at: float) -> None:
        """Look at ``connection`` by ``at``. Its entry may be too early, never too late; when it fires it is renewed."""
        if at < connection.check_at:
            connection.check_at = at
            heapq.heappush(self._timers, (at, connection.index))

    def _run_timers(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            at, index = heapq.heappop(self._timers)
            connection = self._connections[index]
            if connection.check_at != at:
                continue  # an earlier entry has replaced this one
            connection.check_at = math.inf
            if not connection.busy:
                self._rested(connection, now)
            elif now < (deadline := connection.intended + connection.patience):
                self._watch(connection, deadline)
            else:
                self._give_up(connection, now)

    @abstractmethod
    def _rested(self, connection: Connection, now: float) -> None:
        """The timer of a client without a request in flight has fired."""

    def _give_up(self, connection: Connection, now: float) -> None:
        connection.close()
        connection.tally.time_out(connection.intended, connection.sent_at, now)
        self._next(connection, now)

    # What a client does.

    @abstractmethod
    def _next(self, connection: Connection, now: float, *, failed: bool = False) -> None:
        """The client has no request in flight: decide what it does next."""

    def _begin(self, connection: Connection, intended: float, now: float) -> None:
        if self.parts is None:
            self.tally.sent += 1
        else:
            kind = self._kind_of(connection, intended)
            connection.request, connection.tally = kind.request, kind
            kind.send()
        connection.busy = True
        connection.intended = intended
        if intended + connection.patience < connection.check_at:
            self._watch(connection, intended + connection.patience)
        if connection.state is State.IDLE:
            self._send(connection, now)
            return
        connection.sent_at = math.inf
        if connection.state is State.CLOSED:
            self._open(connection, now)

    def _kind_of(self, connection: Connection, intended: float) -> Kind:
        """The URL and the stage of the request that the connection is about to send, in a run that has several."""
        assert self.parts is not None
        return self.parts.next(intended)

    def _open(self, connection: Connection, now: float) -> None:
        try:
            connection.open(self._family, self._address)
        except OSError as error:
            if connection.busy:
                self._lost(connection, error_kind(error), now)
            return
        self._by_fd[connection.fd] = connection
        self.reconnects += connection.busy

    def _send(self, connection: Connection, now: float) -> None:
        connection.sent_at = now
        connection.state = State.WAITING
        request = connection.request
        try:
            size = connection.send(request)
        except BlockingIOError:
            size = 0  # the server has replied before it read the whole request before this one
        except OSError as error:
            self._lost(connection, error_kind(error), now)
            return
        if size != len(request):  # it is larger than what the socket's buffer has room for
            connection.wait_for_room(memoryview(request)[size:])
