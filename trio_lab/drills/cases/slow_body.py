"""Bodies that come at one byte per second, and bodies of 2 MB where 1 MB is allowed.

Two hundred clients send a head that promises 100 000 bytes, and then a byte every second, to every route that reads a body:
one that reads it by the framework's own means, and on Trio `/ingest` in both of its modes. Each must be told 408 within
eleven seconds: the server waits ten for progress, and one more is left for two hundred timers. A connection may cost 64 KB
of the server's memory meanwhile, which holds a task, a parser and buffers, but not a body. That is measured after a first
few connections, so that what is allocated once does not count.

The bodies that are too large come with a length, and then the head must be refused before a byte of the body; and in chunks,
where the client sends a little more than the limit and then waits: it must be refused before it sends the rest.

The control is the frameworks as they come, on a route that reads a body.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import trio

from ...http.contract import MAX_BODY
from ...measure.process import resident_bytes
from ...records.figures import Figures, Measures, check, measured
from ...stage.server import Server
from ...stage.stage import Stage
from ..both import drill_of_both
from ..logged import trusting_server
from ..raw import raw_client, request
from ..server import faulty_server

_CLIENTS, _WARM_UP = 200, 20
_PERIOD = 1.0  # seconds between two bytes
_ALLOWED = 11.0
_GIVEN_UP = _ALLOWED + 2.0
_TOO_LARGE, _UPLOADS = 2 * MAX_BODY, 20
_PATIENCE = 5.0  # seconds for a refusal
_CHUNK = b"ff00\r\n" + bytes(0xFF00) + b"\r\n"

_PATHS = {
    "trio": ("/fault/body", "/ingest", "/ingest?mode=stream"),
    "asyncio": ("/fault/body",),
}


@dataclass(slots=True, kw_only=True)
class _Found:
    """``told``: status and seconds until it, of each slow body; status 0 when there was no reply. ``refused``: the statuses
    of the large ones, before the client had sent them all."""

    told: list[tuple[int, float]] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    rise: int = 0
    """Of the server's resident memory, in bytes."""


_FIGURES: Measures[_Found] = {
    "slow_bodies": lambda found: len(found.told),
    "told_max_s": lambda found: max(took for _, took in found.told),
    "not_408": lambda found: sum(status != 408 for status, _ in found.told),
    "large_bodies": lambda found: len(found.refused),
    "not_413_in_time": lambda found: sum(status != 413 for status in found.refused),
    "kb_each": lambda found: found.rise / 1024 / len(found.told),
}


async def _drip(url: str, path: str, found: _Found) -> None:
    async with raw_client(url) as client, trio.open_nursery() as nursery:

        async def send() -> None:
            if not await client.send(request("POST", path, "Content-Length: 100000")):
                return
            while await client.send(b"x"):  # noqa: ASYNC110  # a pause, not a poll
                await trio.sleep(_PERIOD)

        begun = time.monotonic()
        nursery.start_soon(send)
        reply = await client.reply(_GIVEN_UP)
        found.told.append((reply[0] if reply else 0, time.monotonic() - begun))
        nursery.cancel_scope.cancel()


async def _drips(server: Server, paths: tuple[str, ...], clients: int) -> _Found:
    """``clients`` slow bodies at once, shared out among the paths."""
    found, before = _Found(), resident_bytes(server.pid) or 0
    async with trio.open_nursery() as nursery:
        for number in range(clients):
            nursery.start_soon(_drip, server.url, paths[number % len(paths)], found)
        for _ in range(int(_ALLOWED)):
            await trio.sleep(_PERIOD)
            found.rise = max(found.rise, (resident_bytes(server.pid) or 0) - before)
    return found


async def _large(url: str, *, chunked: bool) -> int:
    """The status that a client is told before it has sent a body that is too large; 0 for none."""
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {_TOO_LARGE}"
    async with raw_client(url) as client:
        await client.send(request("POST", "/fault/body", framing))
        for _ in range(MAX_BODY // len(_CHUNK) + 1 if chunked else 0):
            await client.send(_CHUNK)
        reply = await client.reply(_PATIENCE)
    return reply[0] if reply else 0


async def _measure(server: Server, paths: tuple[str, ...], *, clients: int, uploads: int) -> _Found:
    await _drips(server, paths, min(_WARM_UP, clients))
    found = await _drips(server, paths, clients)
    found.refused = [await _large(server.url, chunked=bool(number % 2)) for number in range(uploads)]
    return found


async def _inject(stage: Stage) -> Figures:
    clients, uploads = stage.count(_CLIENTS, quick=60), stage.count(_UPLOADS, quick=6)
    async with faulty_server(runtime=stage.runtime) as server:
        found = await _measure(server, _PATHS[stage.runtime], clients=clients, uploads=uploads)
        return measured(_FIGURES, found) | await server.aftermath()


async def _control(stage: Stage) -> Figures:
    async with trusting_server(stage.runtime) as server:
        found = await _drips(server, ("/fault/body",), 10)
        found.refused = [await _large(server.url, chunked=chunked) for chunked in (False, True)]
        return measured(_FIGURES, found)


DRILL = drill_of_both(
    name="slow-body",
    number=13,
    gate=False,
    question="Bodies come at a byte per second, or are too large: are they refused in time, and what do they cost?",
    figures=_FIGURES,
    checks=(
        check("slow bodies that were not told 408", "not_408", "<=", 0),
        check("longest time until the 408", "told_max_s", "<=", _ALLOWED, "s"),
        check("large bodies not refused before they were sent", "not_413_in_time", "<=", 0),
        check("memory for each slow body", "kb_each", "<=", 64, "KB"),
    ),
    inject=_inject,
    control=_control,
    twin="Quart under hypercorn's own loop",
)
