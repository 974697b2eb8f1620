"""Background jobs while their workers and the server that takes them are killed, and stopped for longer than a lease.

First the jobs are in a file, and then on a Valkey or Redis server with an append-only file, which is killed as well.

At least once: no accepted job is lost, and those whose worker died are seen to have been tried again. And no more than one end
counts: a worker that was stopped goes on when its job is another's already, and the fence refuses its end.

The control has a lease of an hour, as a queue has that deletes a job when it is taken: what a killed worker had is never done.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ...records.figures import Figures, check
from ...stage import valkey
from ...stage.stage import Stage
from .. import job_chaos
from ..ending import successors_aftermath
from ..job_chaos import Chaos
from ..job_keepers import FileKeeper, Keeper, ServerKeeper
from ..job_recovery import recovery
from ..model import AFTERMATH, Drill
from ..server import faulty_server

_LEASE = 1.0  # seconds
_DEAD = 8  # a worker has four jobs in hand, which may die together; that happens once in some runs
_COUNTED = ("jobs", "kills", "stops", "lost", "dead", "extra_ends", "tried_again", "fenced")
_ON_SERVER = tuple(f"redis_{name}" for name in (*_COUNTED, "server_kills"))


async def _inject(stage: Stage) -> Figures:
    kills, stops = stage.count(200, quick=12), stage.count(50, quick=8)
    return await _both(kills=kills, stops=stops, lease=_LEASE, recovers=True)


async def _control(stage: Stage) -> Figures:
    return await _both(kills=8, stops=0, lease=3600.0, recovers=False)


async def _both(*, kills: int, stops: int, lease: float, recovers: bool) -> Figures:
    program = valkey.program()
    if program is None:
        raise RuntimeError("neither Valkey nor Redis is installed")
    with tempfile.TemporaryDirectory(prefix="trio-lab-drill-") as folder:
        figures = await _attempt(FileKeeper(Path(folder, "jobs.sqlite")), kills=kills, stops=stops, lease=lease)
        keeper = ServerKeeper(program, Path(folder))
        async with keeper.opened():
            if recovers:
                figures |= await recovery(keeper, lease=_LEASE)
            on_server = await _attempt(keeper, kills=kills, stops=stops, lease=lease)
    del figures["server_kills"]
    after = {check.figure: _worse(figures[check.figure], on_server[check.figure]) for check in AFTERMATH}
    return figures | after | {name: on_server[name.removeprefix("redis_")] for name in _ON_SERVER}


def _worse(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else max(one, other)


async def _attempt(keeper: Keeper, *, kills: int, stops: int, lease: float) -> dict[str, float | None]:
    chaos = Chaos(keeper=keeper, kills=kills, stops=stops, lease=lease)
    async with faulty_server(*chaos.flags) as server:
        await chaos.run(server)
    await keeper.ready()
    found = await job_chaos.found(chaos)
    aftermath = await successors_aftermath(server, *chaos.flags, runtime="trio")
    return {
        "jobs": len(chaos.accepted),
        "kills": chaos.killed,
        "server_kills": chaos.keeper_killed,
        "stops": chaos.stopped,
        "lost": found.lost,
        "dead": found.dead,
        "extra_ends": found.extra_ends,
        "tried_again": found.tried_again,
        "fenced": found.fenced,
        "damaged": not found.intact,
        **aftermath,
    }


DRILL = Drill(
    name="job-queue-kill",
    number=27,
    gate=True,
    question="Workers and servers are killed and stopped while they handle background jobs: is one lost, or done twice?",
    figures=(*_COUNTED, "damaged", *_ON_SERVER, "read_ms", "redelivery_late_s", "back_s"),
    checks=(
        check("accepted jobs that were lost", "lost", "<=", 0),
        check("accepted jobs that are dead: all their tries lost their worker", "dead", "<=", _DEAD),
        check("ends that counted twice", "extra_ends", "<=", 0),
        check("jobs that were tried again", "tried_again", ">=", 1),
        check("late ends that the fence refused", "fenced", ">=", 1),
        check("damage to the file", "damaged", "<=", 0),
        check("the same on a server: lost", "redis_lost", "<=", 0),
        check("dead", "redis_dead", "<=", _DEAD),
        check("counted twice", "redis_extra_ends", "<=", 0),
        check("tried again", "redis_tried_again", ">=", 1),
        check("refused by the fence", "redis_fenced", ">=", 1),
        check("kills of that server", "redis_server_kills", ">=", 1),
        check("reading a job", "read_ms", "<=", 5.0, "ms"),
        check("a lost worker's job done after the lease", "redelivery_late_s", "<=", 1.0, "s"),
        check("a worker back after that server", "back_s", "<=", 2.0, "s"),
    ),
    inject=_inject,
    control=_control,
    twin="a lease of an hour",
)
