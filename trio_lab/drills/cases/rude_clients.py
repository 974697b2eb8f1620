"""Clients that leave in ways that no HTTP library does, five hundred of each kind.

Those that do not wait for a reply ask for work that never ends by itself: a pipelined pair and then FIN, RST, and FIN in the
middle of a body. Half of them leave at once, half when the server has had time to begin. The work for a client that has left
may go on until the request's deadline, which is the queue timeout and the run timeout together, and half a second more.
Only a pipelined pair needs so long: while its second request waits, the server does not read and cannot see the FIN. After
RST, and after FIN in mid-body, half a second must be enough. Work counts as left while the worker pool runs a job or a
caller waits for it.

Those that half-close still read, so they can be asked what they were told: whole replies to a request and to a pipelined
pair, and 400 to half a body. At the end no descriptor and no task may be left, and no traceback in the log.

The control is the profile naive, which finishes the work of clients that have left.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import trio

from ...records.figures import Figures, check
from ...stage.stage import Stage
from ...stage.until import until
from ..both import drill_of_both
from ..raw import RawClient, raw_client, request
from ..server import FaultyServer, faulty_server

_EACH = 500
_TOGETHER, _READING = (
    50,
    10,
)  # clients at a time; those that read must not wait for a place so long that they are refused
_QUEUE_TIMEOUT, _RUN_TIMEOUT = 0.5, 1.0
_DEADLINE = _QUEUE_TIMEOUT + _RUN_TIMEOUT
_MORE = 0.5  # seconds that work may outlive its deadline, or a client whose leaving the server can see
_BEGUN = 0.05  # seconds in which a server begins to work
_LIMIT = _DEADLINE + 3.0
_PATIENCE = 10.0

_ENDLESS, _SHORT = "/fault/sleep", "/fault/wait?ms=1"
_HALF_A_BODY = request("POST", "/fault/body", "Content-Length: 1000", body=bytes(500))


@dataclass(frozen=True, slots=True)
class _Leaver:
    """``sends`` are the bytes that its clients send by turns before they leave, and ``within`` the seconds in which the work
    for them must have ended."""

    sends: tuple[bytes, ...]
    leave: Callable[[RawClient], None]
    within: float


_LEAVERS = {
    "pair": _Leaver((request("GET", _ENDLESS) * 2,), RawClient.close, _DEADLINE + _MORE),
    "reset": _Leaver((request("GET", _ENDLESS),), RawClient.reset, _MORE),
    "mid_body": _Leaver(
        (request("GET", _ENDLESS, "Content-Length: 1000", body=bytes(500)), _HALF_A_BODY), RawClient.close, _MORE
    ),
}

_READERS: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "half_close": (request("GET", _SHORT), (200,)),
    "half_closed_pair": (request("GET", _SHORT) * 2, (200, 200)),
    "half_body": (_HALF_A_BODY, (400,)),
}
"""What clients send before they half-close, and the statuses that they are told."""


async def _leave(url: str, leaver: _Leaver, number: int) -> None:
    async with raw_client(url) as client:
        await client.send(leaver.sends[number // 2 % len(leaver.sends)])
        await trio.sleep(_BEGUN * (number % 2))
        leaver.leave(client)


async def _wasted(server: FaultyServer, leaver: _Leaver, clients: int) -> float:
    """The longest time for which work was left after a group of clients had left, in seconds."""
    longest = 0.0
    for _ in range(0, clients, _TOGETHER):
        async with trio.open_nursery() as nursery:
            for number in range(min(_TOGETHER, clients)):
                nursery.start_soon(_leave, server.url, leaver, number)
        begun = time.monotonic()
        await until(partial(_is_idle, server), limit=_LIMIT)
        longest = max(longest, time.monotonic() - begun)
    return longest


async def _is_idle(server: FaultyServer) -> bool:
    pool = (await server.health()).queue("worker_pool")
    return not pool.in_service and not pool.waiting


async def _misled(url: str, sends: bytes, told: tuple[int, ...], clients: int) -> int:
    """How many half-closing clients were not told what they should."""
    wrong = 0

    async def ask() -> None:
        nonlocal wrong
        async with raw_client(url) as client:
            await client.send(sends)
            client.half_close()
            heard = await client.hear(_PATIENCE)
            wrong += (heard.statuses, heard.end) != (told, "closed")

    for _ in range(0, clients, _READING):
        async with trio.open_nursery() as nursery:
            for _ in range(min(_READING, clients)):
                nursery.start_soon(ask)
    return wrong


async def _measure(server: FaultyServer, clients: int) -> dict[str, float | None]:
    wasted = {f"{name}_s": await _wasted(server, leaver, clients) for name, leaver in _LEAVERS.items()}
    await server.until_whole(set())  # a worker whose job did not end by itself was killed
    misled = {f"{name}_wrong": await _misled(server.url, *reader, clients) for name, reader in _READERS.items()}
    return {
        "clients": clients * (len(_LEAVERS) + len(_READERS)),
        **wasted,
        **misled,
        "tracebacks": server.printed().count(b"Traceback"),
    }


async def _inject(stage: Stage) -> Figures:
    limits = ("--queue-timeout", str(_QUEUE_TIMEOUT), "--run-timeout", str(_RUN_TIMEOUT))
    async with faulty_server(*limits, runtime=stage.runtime) as server:
        figures = await _measure(server, stage.count(_EACH, quick=50))
        return figures | await server.aftermath()


async def _control(stage: Stage) -> Figures:
    async with faulty_server("--profile", "naive", runtime=stage.runtime) as server:
        wasted = {f"{name}_s": await _wasted(server, leaver, 4) for name, leaver in _LEAVERS.items()}
        server.child.kill()  # it would wait for its workers for ever
        return wasted


DRILL = drill_of_both(
    name="rude-clients",
    number=11,
    gate=False,
    question="Clients leave in a pipeline, in a body, by RST and by half: is their work ended, and are they told the truth?",
    figures=(
        "clients",
        *(f"{name}_s" for name in _LEAVERS),
        *(f"{name}_wrong" for name in _READERS),
        "tracebacks",
    ),
    checks=(
        *(
            check(f"work after the leaving, {name}", f"{name}_s", "<=", one.within, "s")
            for name, one in _LEAVERS.items()
        ),
        *(check(f"clients told something else, {name}", f"{name}_wrong", "<=", 0) for name in _READERS),
        check("tracebacks in the log", "tracebacks", "<=", 0),
    ),
    inject=_inject,
    control=_control,
    twin="profile naive",
)
