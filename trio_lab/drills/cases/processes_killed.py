"""SIGKILL to one of two server processes, again and again, under load on connections that are kept.

Clients ask for waits in threads, one request after the other, each on a connection whose first reply says which process has it.
When a connection breaks its client opens another one at once. A request may fail if it was in flight on the killed process,
and only then: connections that wait to be accepted are taken by the other process, so no client is refused. The killed
process must be replaced within seconds: it starts as any server does.

The control is a server with one process, which somebody starts again on the same port as soon as it is killed.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from functools import partial

import trio

from ...measure.process import children
from ...records.codec import decode
from ...records.figures import Figures, check
from ...stage.launch import kill, serve
from ...stage.server import Server, serving
from ...stage.stage import Stage
from ...stage.until import wait_until
from ..aftermath import Vitals, aftermath, held, settled
from ..inside import Inside
from ..model import Drill
from ..raw import RawClient, raw_client, request

_CLIENTS = 8
_PROCESSES = 2
_ASK = "/wait?ms=30"
_PAUSE = 0.5  # seconds of load before a kill
_PATIENCE = 20.0  # seconds
_FLAGS = ("--threads", str(_CLIENTS), "--workers", "1", "--faults")


@dataclass(slots=True)
class Counts:
    """``in_flight`` are requests that failed on a killed process, ``elsewhere`` all others that failed."""

    answered: int = 0
    in_flight: int = 0
    elsewhere: int = 0
    killed: list[int] = field(default_factory=list)
    replaced: list[float] = field(default_factory=list)

    def failed(self, on: int | None) -> None:
        if on in self.killed:
            self.in_flight += 1
        else:
            self.elsewhere += 1


async def _ask(url: str, counts: Counts) -> None:
    """One client after the other, for ever."""
    while True:
        kills, known = len(counts.killed), False
        try:
            async with raw_client(url) as client:
                pid = await _process(client)
                known = True
                while await _reply(client, _ASK) is not None:
                    counts.answered += 1
                counts.failed(pid)
        except ConnectionAbortedError:  # it was on its way to a process that was killed, or to none
            counts.failed(counts.killed[-1] if len(counts.killed) > kills else None)
        except OSError:
            counts.failed(None)
        if not known:
            await trio.sleep(0.01)


async def _process(client: RawClient) -> int:
    """The process that has this connection."""
    if (body := await _reply(client, "/health?reset=0")) is None:
        raise ConnectionAbortedError("no reply")
    return int(json.loads(body)["process"]["pid"])


async def _reply(client: RawClient, path: str) -> bytes | None:
    """The body of a good reply."""
    await client.send(request("GET", path))
    reply = await client.reply(_PATIENCE)
    return None if reply is None or reply[0] != 200 else reply[1]


async def _vitals(server: Server) -> Vitals:
    """Of the supervisor; the tasks are those of the process that answers."""
    begun = time.monotonic()
    inside = decode(Inside, (await server.fetch("/fault")).body)
    return held(server.pid, answer_s=time.monotonic() - begun, tasks=inside.tasks)


async def _inject(stage: Stage) -> Figures:
    counts = Counts()
    async with serving(serve(*_FLAGS, "--processes", str(_PROCESSES))) as server:
        before = await settled(partial(_vitals, server))
        async with trio.open_nursery() as nursery:
            for _ in range(_CLIENTS):
                nursery.start_soon(_ask, server.url, counts)
            for _ in range(stage.count(10, quick=3)):
                await trio.sleep(_PAUSE)
                await _kill_one(server, counts)
            nursery.cancel_scope.cancel()
        after = await aftermath(partial(_vitals, server), before, workers=_PROCESSES)
    return {**figures(counts), **after}


async def _kill_one(server: Server, counts: Counts) -> None:
    """And wait until there is another one that serves."""
    pid = children(server.pid)[0]
    counts.killed.append(pid)
    kill(pid)
    begun = time.monotonic()

    async def serves() -> bool:
        found = (await server.fetch("/metrics")).body.decode()
        return f"trio_lab_processes {_PROCESSES}.0" in found and pid not in children(server.pid)

    await wait_until(serves, limit=_PATIENCE, period=0.05)
    counts.replaced.append(time.monotonic() - begun)


async def _control(stage: Stage) -> Figures:
    """One process, killed and started again."""
    counts, port = Counts(), 0
    async with trio.open_nursery() as nursery:
        for _ in range(stage.count(3, quick=2)):
            async with serving(serve(*_FLAGS, port=port)) as server:
                if not port:
                    port = server.port
                    for _ in range(_CLIENTS):
                        nursery.start_soon(_ask, server.url, counts)
                await trio.sleep(_PAUSE)
                counts.killed.append(server.pid)
                server.child.kill()
        nursery.cancel_scope.cancel()
    return figures(counts)


def figures(counts: Counts) -> dict[str, float | None]:
    """As the drill declares them."""
    return {
        "answered": counts.answered,
        "kills": len(counts.killed),
        "failed_in_flight": counts.in_flight,
        "failed_elsewhere": counts.elsewhere,
        "failed_per_kill": counts.in_flight / max(1, len(counts.killed)),
        "replaced_max_s": max(counts.replaced, default=None),
    }


DRILL = Drill(
    name="processes-killed",
    number=34,
    gate=True,
    question="One of two server processes is killed under load, again and again: which requests fail?",
    figures=tuple(figures(Counts())),
    checks=(
        check("requests that failed and were not in flight on a killed process", "failed_elsewhere", "<=", 0),
        check("requests that failed for each kill, of 8 clients", "failed_per_kill", "<=", _CLIENTS),
        check("longest time until another process serves", "replaced_max_s", "<=", 10.0, "s"),
        check("requests answered", "answered", ">=", 20),
    ),
    inject=_inject,
    control=_control,
    twin="one process",
)
