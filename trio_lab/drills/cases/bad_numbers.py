"""Every numeric parameter of every route, with values that are not a number and with numbers out of bounds.

The parameters are those that the server's routes declare; a test fails if one of them is not in the list here. Each value
must be refused by 400, 414 or 431 in JSON, within 10 ms from the request to the end of the reply: a bad number may not cost
the work that a good one costs. Values come one at a time, on a connection each, so none waits for another.

On a crowded machine any reply may take longer than that. So the time during which the server or the client was ready to run
and had no CPU is subtracted (the kernel counts it for each process). A value that still took longer than 10 ms is sent again,
four times at most, and its shortest time counts: a value that is expensive to refuse is expensive every time. The number of
values that were sent again is reported.

The control reads the same parameters with `int`.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field

from ...http import ledgers
from ...http.contract import NUMBERS, Numbers
from ...measure.process import run_delay
from ...records.figures import Figures, check
from ...servers.trio import blockers, db
from ...stage.server import Server
from ...stage.stage import Stage
from .. import faults
from ..both import drill_of_both
from ..logged import trusting_server
from ..numbers import Asked, bad_numbers
from ..raw import raw_client, request
from ..server import faulty_server

SEED = 18
_QUICK = 0.010  # seconds
_TRIES = 5
_PATIENCE = 10.0
_REFUSALS = {400, 414, 431}
Reply = tuple[int, bytes] | None
OF: dict[str, Numbers] = {
    "trio": {**NUMBERS, **blockers.NUMBERS, **db.NUMBERS, **ledgers.NUMBERS, **faults.NUMBERS},
    "asyncio": {**NUMBERS, **ledgers.NUMBERS, **faults.NUMBERS},
    "node": NUMBERS,
}
"""The parameters of the server of each runtime."""


@dataclass(slots=True)
class Count:
    """What became of the values. ``wrong`` are the targets whose reply was not what it should be."""

    values: int = 0
    asked_again: int = 0
    server_errors: int = 0
    times: list[float] = field(default_factory=list)  # seconds, of the refusals
    wrong: list[str] = field(default_factory=list)

    def note(self, asked: Asked, reply: Reply, took: float) -> None:
        self.values += 1
        status, body = reply or (0, b"")
        self.server_errors += status >= 500
        if not (status in ({200} if asked.right else _REFUSALS) and _is_json(status, body)):
            self.wrong.append(f"{asked.target[:200]}: {status}")
        if not asked.right:
            self.times.append(took)

    def figures(self) -> dict[str, float | None]:
        return {
            "seed": SEED,
            "values": self.values,
            "asked_again": self.asked_again,
            "not_refused": len(self.wrong),
            "server_errors": self.server_errors,
            "slowest_ms": max(self.times, default=0.0) * 1e3,
        }


def _is_json(status: int, body: bytes) -> bool:
    """Whether the reply is an object in JSON; a refusal tells what is wrong."""
    try:
        return status == 200 or isinstance(json.loads(body)["error"], str)
    except (ValueError, KeyError, TypeError):
        return False


async def attack(server: Server, numbers: Numbers, *, made: int) -> Count:
    count = Count()
    for asked in bad_numbers(numbers, made=made, seed=SEED):
        reply, took = await _ask(server, asked.target)
        tries = 1
        while took > _QUICK and tries < _TRIES and not asked.right:
            reply, again = await _ask(server, asked.target)
            took, tries = min(took, again), tries + 1
        count.asked_again += tries > 1
        count.note(asked, reply, took)
    return count


async def _ask(server: Server, target: str) -> tuple[Reply, float]:
    """The reply, and the seconds that it took without those in which one side waited for a CPU."""

    def now() -> float:
        return time.monotonic() - run_delay(server.pid) - run_delay(os.getpid())

    async with raw_client(server.url) as client:
        begun = now()
        await client.send(request("GET", target, "Connection: close"))
        reply = await client.reply(_PATIENCE)
        return reply, now() - begun


async def _inject(stage: Stage) -> Figures:
    async with faulty_server(runtime=stage.runtime) as server:
        count = await attack(server, OF[stage.runtime], made=stage.count(5_000, quick=500))
        stage.notes += count.wrong[:5]
        return count.figures() | await server.aftermath()


async def _control(stage: Stage) -> Figures:
    async with trusting_server(stage.runtime) as server:
        return (await attack(server, NUMBERS, made=100)).figures()


DRILL = drill_of_both(
    name="bad-numbers",
    number=18,
    gate=True,
    question="Every numeric parameter gets values that it does not allow: is each refused at once?",
    figures=tuple(Count().figures()),
    checks=(
        check("values that were not refused in JSON", "not_refused", "<=", 0),
        check("replies of 500 and above", "server_errors", "<=", 0),
        check("slowest refusal", "slowest_ms", "<=", 1e3 * _QUICK, "ms"),
    ),
    inject=_inject,
    control=_control,
    twin="parameters read by int",
)
