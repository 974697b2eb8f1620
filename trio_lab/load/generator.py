"""The load generator: one Trio task that keeps every connection busy, or on schedule, and counts what became of it.

Everything is decided synchronously, in three places: an event on a connection (`_handle`), a moment that has come
(`_tick`), and what a client does next (`_next`). Only the poller waits.

What an event may cost was measured: the two system calls, recv and send, are most of it. A reply that equals, byte for
byte, one that the parser found whole means the same, so it is looked up instead of parsed again (0.2 µs, not 1 µs);
a timer per request is replaced by one per connection that is moved when it fires, not when the request ends.
"""

from __future__ import annotations

import errno
import heapq
import math
import os
import resource
import socket
import time
from collections.abc import Callable

import trio

from trio_lab.errors import UsageError
from trio_lab.load.arrivals import Arrivals
from trio_lab.load.connection import BadReply, Connection, State
from trio_lab.load.plan import LoadPlan
from trio_lab.load.poller import Events, Poller
from trio_lab.load.results import Generator, LoadResult, Progress, find_bottleneck
from trio_lab.load.tally import Tally
from trio_lab.load.target import SocketAddress, Target, resolve
from trio_lab.measure.histogram import Histogram

_RECEIVE = 1 << 16  # bytes a read
_KNOWN_SIZE, _KNOWN_COUNT = 2048, 256  # longest reply that is remembered, and how many
_CONNECT_FIRST = 1.0  # seconds that the run waits for its connections before the clock starts
_FIRST_BACKOFF, _LAST_BACKOFF = 0.01, 0.25  # seconds between attempts at a server that is not there
_AFTER_STOP = 1.0  # seconds that replies are waited for when the run was stopped
_LONGEST_NAP = 0.1  # seconds between two looks at the stop event
_SPARE_DESCRIPTORS = 64


async def run_load(
    plan: LoadPlan,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    stop: trio.Event | None = None,
) -> LoadResult:
    """Put the load of ``plan`` on its target and return what was seen.

    ``on_progress`` is called when each interval has ended, in this task: it must be quick. ``stop`` ends the run early
    with a result of what there is by then; cancelling ends it with none. Either way every socket is closed. Raise
    `UsageError` when the target may not or cannot be loaded.
    """
    target = Target.parse(plan.url)
    family, address = await resolve(target, plan.own_this)
    _check_descriptors(plan.connections)
    run = _Run(plan, target, family, address)
    try:
        await run.connect_first()
        return await run.run(on_progress, stop)
    finally:
        run.close()


def _check_descriptors(connections: int) -> None:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + len(os.listdir("/proc/self/fd")) + _SPARE_DESCRIPTORS
    if limit not in (-1, resource.RLIM_INFINITY) and needed > limit:
        raise UsageError(
            f"connections={connections} needs {needed} file descriptors, the limit is {limit}: ulimit -n {needed}"
        )


def _kind(error: OSError) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return "out of local ports"
    return os.strerror(error.errno).lower() if error.errno else str(error)


class _Run:
    def __init__(self, plan: LoadPlan, target: Target, family: socket.AddressFamily, address: SocketAddress) -> None:
        self.plan = plan
        self.family, self.address = family, address
        self.request = target.request()
        self.patience = plan.patience
        self.poller = Poller()
        self.connections = [Connection(i, self.poller.epoll) for i in range(plan.connections)]
        self.by_fd: dict[int, Connection] = {}
        self.timers: list[tuple[float, int]] = []  # (moment, index of the connection); see `_watch`
        self.known: dict[bytes, int] = {}  # replies seen whole, and their status
        self.sending = False
        self.reconnects = 0
        self.abandoned = 0
        # An open workload only: who is free, and how late requests went out though somebody was.
        self.arrivals: Arrivals | None = None
        self.idle: dict[Connection, None] = {}  # used as a stack
        self.unconnected: list[Connection] = []  # free as well: a request that takes one connects it
        self.none_free_until = 0.0
        self.lateness = Histogram()
        self._begin_at(0.0)

    def _begin_at(self, now: float) -> None:
        plan = self.plan
        self.tally = Tally(start=now, end=now + plan.duration, interval=plan.interval, keep_samples=plan.keep_samples)

    def close(self) -> None:
        for connection in self.connections:
            connection.close()
        self.poller.close()

    # Stages of a run.

    async def connect_first(self) -> None:
        """Connect before the clock starts: the first requests then measure the server, not a storm of handshakes."""
        limit = time.perf_counter() + _CONNECT_FIRST
        for connection in self.connections:
            self._open(connection, limit)
        while (now := time.perf_counter()) < limit:
            if all(connection.state is not State.CONNECTING for connection in self.connections):
                return
            await self.poller.wait(now, limit, exact=False)
            self._handle(self.poller.poll(0))

    async def run(self, on_progress: Callable[[Progress], None] | None, stop: trio.Event | None) -> LoadResult:
        wall, cpu = time.perf_counter(), time.thread_time()
        self._start(wall)
        give_up = math.inf
        reported = 0
        poll, clock = self.poller.poll, time.perf_counter
        while True:
            ready = poll(0)
            if ready:
                self._handle(ready)
            now = clock()
            if stop is not None and give_up == math.inf and stop.is_set():
                self.tally.stop(now)
                give_up = now + min(self.patience, _AFTER_STOP)
            self._tick(now)
            if on_progress is not None and len(self.tally.rows) > reported:
                reported = len(self.tally.rows)
                on_progress(self._progress(now))
            if not self.sending and (self.tally.in_flight == 0 or now >= give_up):
                break
            if ready:
                await self.poller.breathe(now)
            else:
                await self._wait(now, give_up)
        self.abandoned = self.tally.in_flight
        self.tally.sent -= self.abandoned
        wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
        return self._result(cpu / wall if wall else 0.0)

    def _start(self, now: float) -> None:
        self._begin_at(now)
        self.sending = True
        plan = self.plan
        if plan.rate is not None:
            self.arrivals = Arrivals(start=now, rate=plan.rate, duration=plan.duration, patience=self.patience)
        for connection in self.connections:
            self._next(connection, now)

    async def _wait(self, now: float, give_up: float) -> None:
        until = min(now + _LONGEST_NAP, self.tally.boundary, give_up)
        if self.timers:
            until = min(until, self.timers[0][0])
        exact = False
        if self.arrivals is not None and (self.idle or self.unconnected):
            due = self.arrivals.next_due
            exact = due <= until
            until = min(until, due)
        await self.poller.wait(now, until, exact=exact)

    # Something happened on a connection.

    def _handle(self, ready: Events) -> None:
        by_fd, known, clock, waiting, idle = self.by_fd, self.known, time.perf_counter, State.WAITING, State.IDLE
        for fd, _ in ready:
            connection = by_fd[fd]
            if connection.state is waiting:
                try:
                    data = connection.recv(_RECEIVE)
                except BlockingIOError:
                    continue
                except OSError as error:
                    self._lost(connection, _kind(error), clock())
                    continue
                now = clock()
                if data in known and not connection.reader.midway:
                    self._replied(connection, known[data], now)
                else:
                    self._parse(connection, data, now)
            elif connection.state is idle:
                self._lost(connection, "", clock())  # closed, or talking unasked; nobody is waiting
            else:
                self._connected(connection, clock())

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
            if len(self.known) >= _KNOWN_COUNT:
                self.known.clear()  # replies differ, or their Date has moved on
            self.known[data] = status
        self._replied(connection, status, now)

    def _replied(self, connection: Connection, status: int, now: float) -> None:
        if now - connection.intended > self.patience:
            self._give_up(connection, now)
            return
        self.tally.reply(status, intended=connection.intended, sent_at=connection.sent_at, now=now)
        connection.reused = True
        connection.backoff = 0.0
        if connection.state is State.WAITING:
            connection.state = State.IDLE
        self._next(connection, now)

    def _connected(self, connection: Connection, now: float) -> None:
        try:
            connection.connected()
        except OSError as error:
            self._lost(connection, _kind(error), now)
            return
        if connection.busy:
            self._send(connection, now)
        else:
            connection.reused = True

    def _lost(self, connection: Connection, kind: str, now: float, *, gone: bool = True) -> None:
        """The connection is of no more use. ``gone``: the peer ended it; otherwise it sent what is not HTTP."""
        # A server may close a kept connection just when we send on it: then the request was not refused, it met a
        # closed door, and every client tries it once more on a connection of its own. That one is fresh: no third try.
        again = gone and connection.reused and not connection.reader.midway
        connection.close()
        if not connection.busy:
            if self.idle.pop(connection, self) is None:
                self.unconnected.append(connection)
        elif again:
            self._open(connection, now)
        else:
            self.tally.error(kind, now)
            self._next(connection, now, failed=True)

    # A moment has come.

    def _tick(self, now: float) -> None:
        tally = self.tally
        if now >= tally.boundary:
            tally.advance(now)
        if self.sending and tally.inside is not None:
            self.sending = False
            if self.arrivals is not None:
                self.arrivals.close(tally.end)
        if self.timers and now >= self.timers[0][0]:
            self._run_timers(now)
        if self.arrivals is not None:
            self._send_due(self.arrivals, now)

    def _watch(self, connection: Connection, at: float) -> None:
        """Look at ``connection`` at ``at`` or before. Its entry may be early, never late; when it comes it is renewed."""
        if at < connection.check_at:
            connection.check_at = at
            heapq.heappush(self.timers, (at, connection.index))

    def _run_timers(self, now: float) -> None:
        while self.timers and self.timers[0][0] <= now:
            at, index = heapq.heappop(self.timers)
            connection = self.connections[index]
            if connection.check_at != at:
                continue  # an earlier entry has taken this one's place
            connection.check_at = math.inf
            if connection.busy:
                deadline = connection.intended + self.patience
                if now < deadline:
                    self._watch(connection, deadline)
                else:
                    self._give_up(connection, now)
            elif self.arrivals is None and self.sending:
                if now < connection.intended:
                    self._watch(connection, connection.intended)
                else:
                    self._begin(connection, now, now)

    def _give_up(self, connection: Connection, now: float) -> None:
        connection.close()
        self.tally.time_out(now)
        self._next(connection, now)

    def _send_due(self, arrivals: Arrivals, now: float) -> None:
        while self.idle or self.unconnected:
            intended = arrivals.take(now)
            if intended is None:
                return
            connection = self.idle.popitem()[0] if self.idle else self.unconnected.pop()
            now = time.perf_counter()
            if intended >= self.none_free_until:
                self.lateness.record(now - intended)
            self._begin(connection, intended, now)

    # What a client does.

    def _next(self, connection: Connection, now: float, *, failed: bool = False) -> None:
        """The client has no request in flight: what now?"""
        connection.busy = False
        if not self.sending:
            return
        if self.arrivals is not None:
            if not self.idle and not self.unconnected:
                self.none_free_until = now
            if connection.state is State.IDLE:
                self.idle[connection] = None
            else:
                self.unconnected.append(connection)
        elif failed:
            connection.backoff = min(max(_FIRST_BACKOFF, 2 * connection.backoff), _LAST_BACKOFF)
            connection.intended = now + connection.backoff
            self._watch(connection, connection.intended)
        else:
            self._begin(connection, now, now)

    def _begin(self, connection: Connection, intended: float, now: float) -> None:
        self.tally.sent += 1
        connection.busy = True
        connection.intended = intended
        if intended + self.patience < connection.check_at:
            self._watch(connection, intended + self.patience)
        if connection.state is State.IDLE:
            self._send(connection, now)
        elif connection.state is State.CLOSED:
            self._open(connection, now)

    def _open(self, connection: Connection, now: float) -> None:
        try:
            connection.open(self.family, self.address)
        except OSError as error:
            if connection.busy:
                self._lost(connection, _kind(error), now)
            return
        self.by_fd[connection.fd] = connection
        self.reconnects += self.sending

    def _send(self, connection: Connection, now: float) -> None:
        connection.sent_at = now
        connection.state = State.WAITING
        try:
            size = connection.send(self.request)
        except OSError as error:
            self._lost(connection, _kind(error), now)
            return
        if size != len(self.request):  # nothing else is in the socket's buffer, so this takes a buffer that is tiny
            self._lost(connection, "request not sent whole", now, gone=False)

    # What is told.

    def _progress(self, now: float) -> Progress:
        tally = self.tally
        waiting = self.arrivals.waiting(now) if self.arrivals is not None else 0
        dropped = self.arrivals.dropped if self.arrivals is not None else 0
        return Progress(
            elapsed=now - tally.start,
            duration=self.plan.duration,
            counts=tally.counts(dropped),
            last=tally.rows[-1],
            in_flight=tally.in_flight,
            backlog=waiting,
        )

    def _result(self, cpu_share: float) -> LoadResult:
        tally, arrivals = self.tally, self.arrivals
        series = tally.finish()
        inside = tally.inside or tally.counts(0)
        late_p99 = self.lateness.quantile(0.99) if arrivals is not None else None
        bottleneck = find_bottleneck(
            cpu_share=cpu_share,
            late_p99=late_p99,
            latency=tally.latency.summary(),
            error_kinds=tally.error_kinds,
        )
        return LoadResult(
            url=self.plan.url,
            mode="closed" if arrivals is None else "open",
            connections=self.plan.connections,
            duration=tally.end - tally.start,
            counts=tally.counts(arrivals.dropped if arrivals is not None else 0),
            completed_inside=inside.completed,
            ok_inside=inside.ok,
            offered_rate=self.plan.rate,
            latency=tally.latency,
            service=tally.service,
            shed_latency=tally.shed,
            status=dict(tally.status),
            error_kinds=dict(tally.error_kinds),
            series=series,
            generator=Generator(
                cpu_share=cpu_share,
                late_p99=late_p99,
                reconnects=self.reconnects,
                abandoned=self.abandoned,
                bottleneck=bottleneck,
            ),
            samples=tuple(tally.samples.pairs) if tally.samples is not None else None,
        )
