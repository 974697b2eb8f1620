"""Background jobs while everything that handles them is killed and stopped: the server that takes them, their workers, and the
server that keeps them, if there is one.

Jobs are submitted over HTTP to a server that gives them to a keeper; several `trio-lab jobs work` work at them. A job counts as
accepted when its id has been told. Processes are killed at random moments and started again, and stopped for longer than a
lease lasts, so that another worker does their jobs before they go on.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field

import trio

from ..load.client import fetch
from ..stage.launch import TRIO_LAB
from ..stage.supervised import Program, supervised
from ..stage.until import until
from .job_keepers import Keeper
from .server import FaultyServer, faulty_server

_WORKERS = 3
_SUBMITTERS = 4
_PAUSE = (0.3, 1.0)  # seconds between two faults
_JOB = {"job": "wait", "args": {"seconds": 0.3}}
_PATIENCE = 120.0  # seconds for the rest of the jobs, when all is well again
_BUSY = 10.0  # seconds to find a worker that has a job
_SENT = 0.03  # seconds until what a worker had sent when it was stopped has arrived
_STANDSTILL = 10.0  # seconds without the end of a job: then none will end any more
_MAX_JOBS = 1000  # that may wait, so that they can be done within `_PATIENCE` on a machine that accepts many
_COMMIT_PATIENCE = 10.0  # seconds for a submission: a stopped process may hold the lock of the file


@dataclass(slots=True, kw_only=True, eq=False)
class Chaos:
    """``lease`` in seconds is that of the workers. ``accepted`` are the ids that submitters were told."""

    keeper: Keeper
    kills: int
    stops: int
    lease: float
    accepted: list[str] = field(default_factory=list)
    killed: int = 0
    keeper_killed: int = 0
    stopped: int = 0
    _programs: list[Program] = field(default_factory=list)
    _server: FaultyServer | None = None
    _still: set[int] = field(default_factory=set)  # workers that are stopped
    _submitting: bool = True
    _ends: int = 0
    _ended_at: float = 0.0
    _dice: random.Random = field(default_factory=lambda: random.Random(7))

    @property
    def flags(self) -> tuple[str, ...]:
        """Those of the server."""
        return "--jobs", self.keeper.url, "--max-jobs", str(_MAX_JOBS)

    async def run(self, server: FaultyServer) -> None:
        """All of it, until no job is left or none ends any more. ``server`` may be killed; another takes its port."""
        async with trio.open_nursery() as nursery:
            self._server = server
            for _ in range(_WORKERS):
                nursery.start_soon(self._keep_worker)
            nursery.start_soon(self._keep_server, server.port)
            async with trio.open_nursery() as submitting:
                for _ in range(_SUBMITTERS):
                    submitting.start_soon(self._submit)
                await self._break_things()
                self._submitting = False
            self._ended_at = trio.current_time()
            await until(self._no_more_ends, limit=_PATIENCE, period=0.2)
            nursery.cancel_scope.cancel()

    async def _keep_worker(self) -> None:
        flags = ("--jobs", self.keeper.url, "--lease", str(self.lease), "--concurrency", "4", "--processes", "0")
        while True:
            async with supervised(
                [*TRIO_LAB, "jobs", "work", *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as program:
                self._programs.append(program)
                try:
                    await program.ended.wait()
                finally:
                    self._programs.remove(program)

    async def _keep_server(self, port: int) -> None:
        assert self._server is not None
        await self._server.child.process.wait()
        while True:
            await self.keeper.ready()
            try:
                async with faulty_server(*self.flags, port=port) as self._server:
                    await self._server.child.process.wait()
            except* RuntimeError:
                pass  # what keeps the jobs was killed as it started

    async def _submit(self) -> None:
        while self._submitting:
            assert self._server is not None
            with suppress(OSError, trio.TooSlowError):
                reply = await fetch(
                    f"{self._server.url}/jobs", body=json.dumps(_JOB).encode(), timeout=_COMMIT_PATIENCE
                )
                if reply.status == 202:
                    self.accepted.append(json.loads(reply.body)["id"])
            await trio.sleep(0.01)

    async def _break_things(self) -> None:
        faults = ["kill"] * self.kills + ["stop"] * self.stops
        self._dice.shuffle(faults)
        async with trio.open_nursery() as nursery:
            for fault in faults:
                await trio.sleep(self._dice.uniform(*_PAUSE))
                if fault == "kill":
                    self._kill()
                else:
                    nursery.start_soon(self._stop)

    def _some_worker(self) -> int | None:
        running = [program.pid for program in self._programs if not program.ended.is_set()]
        return self._dice.choice(running) if running else None

    def _kill(self) -> None:
        """One of the workers, or every fifth time the server, and as often what keeps the jobs."""
        pid, turn = self._some_worker(), self.killed % 5
        if turn == 1 and self.keeper.kill():
            self.keeper_killed += 1
        elif turn == 3 and self._server is not None and self._server.child.process.returncode is None:
            self._server.child.kill()
        elif pid is not None:
            os.kill(pid, signal.SIGKILL)
        self.killed += 1

    async def _stop(self) -> None:
        """A worker that has a job: one that has none would hold no lease that could run out."""
        limit = trio.current_time() + _BUSY
        while trio.current_time() < limit:
            for pid in await self._busy():
                if pid in self._still:  # perhaps only since this stopper has tried another one
                    continue
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
                    self._still.add(pid)
                    try:
                        await trio.sleep(_SENT)
                        if pid in await self._busy():
                            self.stopped += 1
                            await trio.sleep(1.5 * self.lease)
                            return
                    finally:
                        self._still.remove(pid)
                        os.kill(pid, signal.SIGCONT)
            await trio.sleep(0.01)

    async def _no_more_ends(self) -> bool:
        tally = await self.keeper.tally()
        if tally.completions > self._ends:
            self._ends, self._ended_at = tally.completions, trio.current_time()
        return not (tally.waiting or tally.running) or trio.current_time() > self._ended_at + _STANDSTILL

    async def _busy(self) -> list[int]:
        """The processes of the workers that have a job; their names say which they are."""
        running = {program.pid for program in self._programs if not program.ended.is_set()}
        return [pid for name in await self.keeper.holders() if (pid := int(name.split(":")[1])) in running]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What became of the jobs."""

    succeeded: int
    lost: int
    """Accepted, and neither done nor dead."""
    dead: int
    """Accepted, and tried as often as a job may be: each try lost its worker. With so many kills a job is that unlucky once in
    some runs."""
    extra_ends: int
    """Ends that counted, less the jobs that ended: more than none if a job has ended twice."""
    tried_again: int
    fenced: int
    intact: bool


async def found(chaos: Chaos) -> Found:
    kept, tally = await chaos.keeper.kept(), await chaos.keeper.tally()
    states = list(kept.states.values())
    return Found(
        succeeded=states.count("succeeded"),
        lost=sum(kept.states.get(id) not in ("succeeded", "dead") for id in chaos.accepted),
        dead=sum(kept.states.get(id) == "dead" for id in chaos.accepted),
        extra_ends=tally.completions - sum(state in ("succeeded", "failed", "dead") for state in states),
        tried_again=kept.tried_again,
        fenced=tally.fenced,
        intact=kept.intact,
    )
