"""Clients that never read what they asked for, and then SIGTERM.

Fifty clients with the smallest receive buffer. Most ask for 30 MB, some streamed in pieces and a few in one piece, since a
server may hang in either kind of send; the others send requests for small replies one behind the other until nothing more
goes in, so that the server also has requests unread. All replies have begun before the signal. The server has a grace period
of one second and two more to end: it cannot finish the replies, so it must cut them off, without a line in the log for
each piece that was not sent. Meanwhile /health must answer.

The control has an hour of grace: then nothing ends a send to a client that does not read.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import trio

from ...measure.process import resident_bytes
from ...records.figures import Figures, Measures, check, measured
from ...stage.stage import Stage
from ..both import drill_of_both
from ..ending import Ending, ending, successors_aftermath, terminate
from ..raw import raw_client, request
from ..server import FaultyServer, faulty_server

_CLIENTS = 50
_GRACE, _MORE = 1.0, 2.0  # seconds
_LOOKS = 10  # at /health while all are stuck
_PATIENCE = 20.0

_STREAMED = request("GET", "/fault/large/streamed")
_WHOLE = request("GET", "/fault/large/whole")
_PIPELINE = request("GET", "/health?reset=0") * 12_000
_KINDS = (*[_STREAMED, _PIPELINE] * 4, _STREAMED, _WHOLE)  # in ten clients


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """``stuck`` clients have a reply that has begun; ``health`` is the slowest /health beside them, in seconds."""

    stuck: int
    health: float
    rss_rise: int
    end: Ending
    log: bytes


_FIGURES: Measures[_Found] = {
    "clients": lambda found: found.stuck,
    "health_max_s": lambda found: found.health,
    "rss_rise_mb": lambda found: found.rss_rise / 1e6,
    "exit_past_grace_s": lambda found: found.end.ended - found.end.signalled - _GRACE,
    "exit_code_not_0": lambda found: float(found.end.code != 0),
    "workers_left": lambda found: found.end.workers_left,
    "log_lines": lambda found: found.log.count(b"\n"),
}


async def _never_read(url: str, what: bytes, task_status: trio.TaskStatus[bool]) -> None:
    async with raw_client(url, receive_buffer=1) as client, trio.open_nursery() as nursery:
        nursery.start_soon(client.send, what)
        task_status.started(await client.first_byte(_PATIENCE))
        await trio.sleep_forever()


async def _measure(server: FaultyServer, clients: int) -> _Found:
    workers, before = server.workers(), resident_bytes(server.pid) or 0
    health: list[float] = []
    async with trio.open_nursery() as nursery:
        stuck = [
            await nursery.start(partial(_never_read, server.url, _KINDS[number % len(_KINDS)]))
            for number in range(clients)
        ]
        for _ in range(_LOOKS):
            begun = time.monotonic()
            await server.health()
            health.append(time.monotonic() - begun)
            await trio.sleep(0.1)
        rise = (resident_bytes(server.pid) or 0) - before
        end = await ending(server, terminate(server), workers, limit=_GRACE + _MORE + 2)
        nursery.cancel_scope.cancel()
    return _Found(stuck=sum(stuck), health=max(health), rss_rise=rise, end=end, log=server.printed())


async def _inject(stage: Stage) -> Figures:
    async with faulty_server("--grace", str(_GRACE), runtime=stage.runtime) as server:
        found = await _measure(server, stage.count(_CLIENTS, quick=_CLIENTS))
    return measured(_FIGURES, found) | await successors_aftermath(server, runtime=stage.runtime)


async def _control(stage: Stage) -> Figures:
    async with faulty_server("--grace", "3600", runtime=stage.runtime) as server:
        return measured(_FIGURES, await _measure(server, len(_KINDS)))


DRILL = drill_of_both(
    name="unread-replies",
    number=14,
    gate=True,
    question="Clients never read their replies of 30 MB: does /health answer, and does the server end?",
    figures=_FIGURES,
    checks=(
        check("end past the grace period", "exit_past_grace_s", "<=", _MORE, "s"),
        check("exit code other than 0", "exit_code_not_0", "<=", 0),
        check("workers left", "workers_left", "<=", 0),
        check("slowest /health beside them", "health_max_s", "<=", 1.0, "s"),
        check("lines in the log", "log_lines", "<=", 20),
        check("clients whose reply had begun", "clients", ">=", 1),
    ),
    inject=_inject,
    control=_control,
    twin="a grace period without end",
)
