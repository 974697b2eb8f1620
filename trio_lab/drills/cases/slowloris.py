"""Five hundred connections that send one byte of a request's head per second, beside a load of 0.3 of the capacity.

Half of them begin with their first byte, half after a whole request line and a header, since a server may count from either.
A client that was closed connects again, so the pressure stays for the whole time. Each connection must be closed within six
seconds of its beginning: the server allows five without a request, and a second is left for five hundred timers. The load
asks for hashes in the workers, so the loop has room. /health is probed from another process, and its p99 must stay within
100 ms: five hundred wake-ups a second are cheap.

In the control a connection may be open for an hour without a request.
"""

from __future__ import annotations

from dataclasses import dataclass

import trio

from ...measure.descriptors import room_for
from ...records.figures import Figures, Measures, check, measured
from ...stage.loaded import Loaded
from ...stage.stage import Stage
from ..both import drill_of_both
from ..raw import raw_client
from ..server import FaultyServer, faulty_server

_CLIENTS = 500
_LOAD = 0.3
_PATH = "/worker-hash?rounds=20000"
_HEAD = b"GET /health HTTP/1.1\r\nHost: drill\r\n"
_PERIOD = 1.0  # seconds between two bytes
_ALLOWED = 6.0
_GIVEN_UP = _ALLOWED + 2.0  # a connection that is open for so long counts as not closed
_SPARE = 200  # descriptors for everything else in this process


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """``lives``: how long each connection was open, in seconds."""

    capacity: float
    lives: list[float]
    loaded: Loaded


_FIGURES: Measures[_Found] = {
    "capacity_per_s": lambda found: found.capacity,
    "connections": lambda found: len(found.lives),
    "closed_max_s": lambda found: max(found.lives, default=None),
    "not_closed": lambda found: sum(life >= _GIVEN_UP for life in found.lives),
    "health_p99_ms": lambda found: found.loaded.health_p99_ms,
    "load_failed": lambda found: found.loaded.load.requests.sent - found.loaded.load.requests.ok,
}


async def _connect_again(url: str, number: int, lives: list[float]) -> None:
    await trio.sleep(_PERIOD * number / _CLIENTS)  # not all in one instant
    while True:
        async with raw_client(url) as client, trio.open_nursery() as nursery:

            async def drip() -> None:
                if number % 2 and not await client.send(_HEAD):
                    return
                while await client.send(b"x"):  # noqa: ASYNC110  # a pause, not a poll
                    await trio.sleep(_PERIOD)

            nursery.start_soon(drip)
            heard = await client.hear(_GIVEN_UP)
            lives.append(heard.at - client.opened)
            nursery.cancel_scope.cancel()


async def _measure(stage: Stage, server: FaultyServer, *, clients: int, seconds: float) -> _Found:
    lives: list[float] = []
    able = (await stage.load(server.url + _PATH, connections=4 * server.size, duration=2.0)).goodput
    async with trio.open_nursery() as nursery:
        for number in range(clients):
            nursery.start_soon(_connect_again, server.url, number, lives)
        loaded = await stage.loaded(server, _PATH, connections=16, duration=seconds, rate=_LOAD * able)
        nursery.cancel_scope.cancel()
    return _Found(capacity=able, lives=lives, loaded=loaded)


async def _inject(stage: Stage) -> Figures:
    clients = stage.count(_CLIENTS, quick=200)
    if room_for(clients + _SPARE) < clients + _SPARE:
        raise RuntimeError(f"this process may not open {clients} connections")
    async with faulty_server(runtime=stage.runtime) as server:
        seconds = max(_GIVEN_UP + 1, stage.seconds(20, quick=10))
        found = await _measure(stage, server, clients=clients, seconds=seconds)
        return measured(_FIGURES, found) | await server.aftermath()


async def _control(stage: Stage) -> Figures:
    async with faulty_server("--keep-alive", "3600", runtime=stage.runtime) as server:
        return measured(_FIGURES, await _measure(stage, server, clients=20, seconds=_GIVEN_UP + 1))


DRILL = drill_of_both(
    name="slowloris",
    number=12,
    gate=False,
    question="Hundreds of clients send a header byte per second: are they closed, and does /health notice?",
    figures=_FIGURES,
    checks=(
        check("longest life of such a connection", "closed_max_s", "<=", _ALLOWED, "s"),
        check("connections that were not closed", "not_closed", "<=", 0),
        check("p99 of /health beside them", "health_p99_ms", "<=", 100, "ms"),
        check("requests of the load that failed", "load_failed", "<=", 0),
    ),
    inject=_inject,
    control=_control,
    twin="an hour of idle time",
)
