"""Several processes that share a file of jobs, each with the same number of jobs to bring to their end.

The count ends with the first process that is ready, so that all of them work the whole time. The more tasks a process has, the
more of them share a transaction, so their number belongs beside the figures.

One of the processes is ``python -m trio_lab.bench.peers.job_processes FILE TASKS JOBS``. It says a line when it has opened the
file, begins when it is told a line, and then answers with what it has seen.
"""

from __future__ import annotations

import os
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import trio

from ...jobs.sqlite import open_sqlite_jobs
from ...stage.launch import Child, talking
from ...subjects.telling import say
from .job_queues import JOB, Turn, claimed, on_disk

_NOTED = 20  # cycles between two that are noted


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """``fairness`` is what the slowest process did ÷ what the fastest did. ``longest`` is how many seconds a call took at most,
    ``locked`` how many calls were refused because the file was locked."""

    per_s: float
    fairness: float
    longest: float
    locked: int


async def shared(processes: int, tasks: int, jobs: int) -> Shared:
    """So many processes at once, each with so many tasks and jobs."""
    seen: list[dict[str, Any]] = []

    async def run(child: Child) -> None:
        seen.append(await child.ask("go"))

    with on_disk() as path:
        command = [sys.executable, "-m", __name__, str(path), str(tasks), str(jobs)]
        async with AsyncExitStack() as stack:
            children = [await stack.enter_async_context(talking(command)) for _ in range(processes)]
            for child in children:
                await child.hear()
            async with trio.open_nursery() as nursery:
                for child in children:
                    nursery.start_soon(run, child)
    begun = max(one["begun"] for one in seen)
    ended = min(one["noted"][-1] for one in seen)
    done = [_NOTED * sum(begun < at <= ended for at in one["noted"]) for one in seen]
    return Shared(
        per_s=sum(done) / (ended - begun),
        fairness=min(done) / max(done),
        longest=max(one["longest"] for one in seen),
        locked=sum(one["locked"] for one in seen),
    )


async def _cycles(path: Path, tasks: int, left: int) -> None:
    noted: list[float] = []
    longest, locked, done = 0.0, 0, 0

    async with open_sqlite_jobs(path, max_waiting=None) as jobs:

        async def cycle(turn: Turn) -> None:
            """What it costs to look at the clock is paid by what is measured, so it is looked at no more than needed."""
            nonlocal longest, done
            began = perf_counter()
            await jobs.submit(JOB)
            submitted = perf_counter()
            await turn.end()
            ended = perf_counter()
            longest = max(longest, submitted - began, ended - submitted)
            done += 1
            if done % _NOTED == 0:
                noted.append(ended)

        async def work(turn: Turn) -> None:
            nonlocal left, locked
            while left:
                left -= 1
                try:
                    await cycle(turn)
                except OSError as error:
                    if "locked" not in str(error):
                        raise
                    locked += 1

        turns = [await claimed(jobs, str(os.getpid())) for _ in range(tasks)]
        say(opened=str(path))
        await trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())).receive_some()
        begun = perf_counter()
        async with trio.open_nursery() as nursery:
            for turn in turns:
                nursery.start_soon(work, turn)
    say(begun=begun, noted=noted, longest=longest, locked=locked)


if __name__ == "__main__":
    trio.run(_cycles, Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
