"""The server is told to stop while it works at 0.7 of its capacity: by SIGTERM to itself, to its whole process group, and
twice.

Held fixed: a grace period of three seconds, and four kinds of requests that are in flight at the signal and fit into it.
An open workload of short jobs in the workers, each on a connection of its own; waits of a second and a half in the threads;
connections that ask again and again; and a burst that is connected and sent right before the signal, so that the server has
not even accepted it. Every request that was sent before the signal must be answered: its client is connected, and cannot know
that it has to try again. Later requests are counted and not judged. From 100 ms after the signal on, which is some passes of
a loop that has work to do, connecting must fail.

In the group case the workers get the signal too, and must finish their jobs all the same. In the last case jobs are in
flight that outlast the grace period, and the second signal must end the server within a second. Each time the exit code
must be 0 and the port free; a new server on the same port is judged as after every drill.

The control has no grace period.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from functools import partial

import trio

from ...load.client import Reply
from ...load.target import Target
from ...records.figures import Figures, Measures, check, measured
from ...stage.stage import Stage
from ...stage.until import wait_until
from ..both import drill_of_both
from ..ending import Ending, ending, successors_aftermath, terminate
from ..raw import RawClient, raw_client, request
from ..server import FaultyServer, faulty_server
from ..workload import capacity

_GRACE = 3.0
_LOAD = 0.7
_JOB_MS = 20
_WAIT_MS = 1_500
_OUTLASTING_MS = 10_000
_KEPT = 4  # connections that ask again and again
_KEPT_PAUSE = 0.05
_WAITS = 3
_BURST = 30
_LEAD, _TAIL = 1.0, 0.5  # seconds of load before the signal and after it
_BEFORE_SECOND = 0.3
_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: when its client was connected and when it was sent, by the monotonic clock. Status 0: no whole reply."""

    connected: float
    sent: float
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One stop. ``second`` is when the second signal was sent, by the monotonic clock."""

    ending: Ending
    asked: Sequence[Asked] = ()
    second: float | None = None

    @property
    def accepted(self) -> list[Asked]:
        return [one for one in self.asked if one.sent < self.ending.signalled]

    @property
    def last_connect(self) -> float:
        """Seconds after the signal."""
        return max((one.connected - self.ending.signalled for one in self.asked), default=0.0)


def _first_signals(stops: Iterable[Stop]) -> list[Stop]:
    return [stop for stop in stops if stop.second is None]


_FIGURES: Measures[list[Stop]] = {
    "stops": len,
    "accepted": lambda stops: sum(len(stop.accepted) for stop in _first_signals(stops)),
    "unanswered": lambda stops: sum(one.status != 200 for stop in _first_signals(stops) for one in stop.accepted),
    "late": lambda stops: sum(len(stop.asked) - len(stop.accepted) for stop in _first_signals(stops)),
    "last_connect_s": lambda stops: max(stop.last_connect for stop in stops),
    "exit_max_s": lambda stops: max(
        (stop.ending.ended - stop.ending.signalled for stop in _first_signals(stops)), default=None
    ),
    "exit_after_second_s": lambda stops: max(
        (stop.ending.ended - stop.second for stop in stops if stop.second is not None), default=None
    ),
    "exit_code_not_0": lambda stops: sum(stop.ending.code != 0 for stop in stops),
    "workers_left": lambda stops: sum(stop.ending.workers_left for stop in stops),
    "port_taken": lambda stops: sum(not stop.ending.port_free for stop in stops),
}


class _Clients:
    """The requests of all kinds, and what became of each."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._numbers = iter(range(1, 1_000_000))
        self.asked: list[Asked] = []

    async def ask(self, path: str) -> None:
        """One request on a connection of its own. A connection that is refused is no request."""
        with suppress(OSError):
            async with raw_client(self._url) as client:
                await self._ask(client, request("GET", path, "Connection: close"))

    async def ask_job(self) -> None:
        await self.ask(f"/fault/wait?id={next(self._numbers)}&ms={_JOB_MS}")

    async def ask_again(self) -> None:
        """One request after the other on one connection, until the server closes it."""
        async with raw_client(self._url) as client:
            while await self._ask(client, request("GET", "/health?reset=0")):  # noqa: ASYNC110  # a pause, not a poll
                await trio.sleep(_KEPT_PAUSE)

    async def _ask(self, client: RawClient, what: bytes) -> bool:
        sent = time.monotonic()
        reply = await client.reply(_PATIENCE) if await client.send(what) else None
        self.asked.append(Asked(client.opened, sent, reply[0] if reply else 0))
        return reply is not None

    async def load(self, rate: float, seconds: float) -> None:
        """Short jobs, each when it is due."""
        begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            for number in range(int(rate * seconds)):
                await trio.sleep_until(begun + number / rate)
                nursery.start_soon(self.ask_job)

    def burst(self) -> list[tuple[RawClient, float]]:
        """Connections with a request sent, and when it was, made without giving way: the server has accepted few of them."""
        target, what = Target.parse(self._url), request("GET", "/health?reset=0", "Connection: close")
        made = []
        for _ in range(_BURST):
            connected = socket.create_connection((target.host, target.port))
            connected.sendall(what)
            made.append((RawClient(trio.socket.from_stdlib_socket(connected)), time.monotonic()))
        return made

    async def hear(self, client: RawClient, sent: float) -> None:
        reply = await client.reply(_PATIENCE)
        client.close()
        self.asked.append(Asked(client.opened, sent, reply[0] if reply else 0))


async def _under_load(server: FaultyServer, *, group: bool) -> Stop:
    clients, workers = _Clients(server.url), server.workers()

    async def send(number: int) -> Reply:
        return await server.fault("wait", number, _JOB_MS)

    able = await capacity(send, callers=2 * server.size, seconds=1.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(clients.load, _LOAD * able, _LEAD + _TAIL)
        for _ in range(_KEPT):
            nursery.start_soon(clients.ask_again)
        await trio.sleep(_LEAD - 0.1)
        for _ in range(_WAITS):
            nursery.start_soon(clients.ask, f"/wait?ms={_WAIT_MS}")
        await trio.sleep(0.1)
        burst = clients.burst()
        signalled = terminate(server, group=group)
        for client, sent in burst:
            nursery.start_soon(clients.hear, client, sent)
        end = await ending(server, signalled, workers, limit=_PATIENCE)
    return Stop(ending=end, asked=tuple(clients.asked))


async def _twice(server: FaultyServer) -> Stop:
    """While jobs run that would outlast the grace period, one of them deaf to every polite signal."""
    clients, workers = _Clients(server.url), server.workers()
    async with trio.open_nursery() as nursery:
        for path in ("/fault/sleep?id=1", "/fault/deaf?id=2", *[f"/wait?ms={_OUTLASTING_MS}"] * _WAITS):
            nursery.start_soon(clients.ask, path)
        await wait_until(lambda: len(server.lines()) == 2, limit=10)
        signalled = terminate(server, group=True)
        await trio.sleep(_BEFORE_SECOND)
        second = terminate(server, group=True)
        end = await ending(server, signalled, workers, limit=_PATIENCE)
    return Stop(ending=end, second=second)


async def _inject(stage: Stage) -> Figures:
    stops: list[Stop] = []
    parts = (partial(_under_load, group=False), partial(_under_load, group=True), _twice)
    for part in parts * stage.count(3, quick=1):
        async with _server(stage, grace=_GRACE) as server:
            stops.append(await part(server))
    return measured(_FIGURES, stops) | await successors_aftermath(server, runtime=stage.runtime)


async def _control(stage: Stage) -> Figures:
    async with _server(stage, grace=0) as server:
        return measured(_FIGURES, [await _under_load(server, group=False)])


def _server(stage: Stage, *, grace: float) -> AbstractAsyncContextManager[FaultyServer]:
    return faulty_server("--grace", str(grace), runtime=stage.runtime, new_group=True)


DRILL = drill_of_both(
    name="graceful-stop",
    number=15,
    gate=True,
    question="SIGTERM at 70 % load, to the server, to its group, and twice: is every accepted request answered?",
    figures=_FIGURES,
    checks=(
        check("requests sent before the signal and not answered", "unanswered", "<=", 0),
        check("last connection after the signal", "last_connect_s", "<=", 0.1, "s"),
        check("end after the first signal", "exit_max_s", "<=", _GRACE + 2, "s"),
        check("end after the second signal", "exit_after_second_s", "<=", 1.0, "s"),
        check("exit codes other than 0", "exit_code_not_0", "<=", 0),
        check("workers left", "workers_left", "<=", 0),
        check("ports that were not free", "port_taken", "<=", 0),
    ),
    inject=_inject,
    control=_control,
    twin="no grace period",
)
