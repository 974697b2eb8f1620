"""Background jobs while their workers and the server that takes them are killed, and stopped for longer than a lease.

At least once: no accepted job is lost, and those whose worker died are seen to have been tried again. And no more than one end
counts: a worker that was stopped goes on when its job is another's already, and the fence refuses its end.

The control has a lease of an hour, as a queue has that deletes a job when it is taken: what a killed worker had is never done.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ...records.figures import Figures, check
from ...stage.stage import Stage
from .. import job_chaos
from ..ending import successors_aftermath
from ..job_chaos import Chaos
from ..model import Drill
from ..server import faulty_server

_LEASE = 1.0  # seconds


async def _inject(stage: Stage) -> Figures:
    kills, stops = stage.count(200, quick=15), stage.count(50, quick=4)
    return await _attempt(kills=kills, stops=stops, lease=_LEASE)


async def _control(stage: Stage) -> Figures:
    return await _attempt(kills=8, stops=0, lease=3600.0)


async def _attempt(*, kills: int, stops: int, lease: float) -> Figures:
    with tempfile.TemporaryDirectory(prefix="trio-lab-drill-") as folder:
        chaos = Chaos(path=Path(folder, "jobs.sqlite"), kills=kills, stops=stops, lease=lease)
        async with faulty_server("--jobs", chaos.url) as server:
            await chaos.run(server)
        found = job_chaos.found(chaos)
        aftermath = await successors_aftermath(server, "--jobs", chaos.url, runtime="trio")
    return {
        "jobs": len(chaos.accepted),
        "kills": chaos.killed,
        "stops": chaos.stopped,
        "lost": found.lost,
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
    question="Workers and the server are killed and stopped while they handle background jobs: is one lost, or done twice?",
    figures=("jobs", "kills", "stops", "lost", "extra_ends", "tried_again", "fenced", "damaged"),
    checks=(
        check("accepted jobs that were lost", "lost", "<=", 0),
        check("ends that counted twice", "extra_ends", "<=", 0),
        check("jobs that were tried again", "tried_again", ">=", 1),
        check("late ends that the fence refused", "fenced", ">=", 1),
        check("damage to the file", "damaged", "<=", 0),
    ),
    inject=_inject,
    control=_control,
    twin="a lease of an hour",
)
