"""Differences between the runtimes besides speed: a client leaves, a job takes too long, a sibling fails, the server ends.

Small scenarios against real servers in both profiles; the tables show what was observed. They ask what happens, not how
fast, so several run at the same time.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import trio

from ..config import PROFILES
from ..errors import in_a_line
from ..measure.process import cpu_seconds
from ..records.queue import QueueStatistics
from ..records.result import Difference
from ..stage.ask import ask
from ..stage.server import Server
from ..stage.stage import Stage
from ..stage.until import until
from ..subjects.answers import Siblings

Cells = list[str]
EXPECTED_S = 60.0  # seconds that all scenarios take, on three runtimes and two cores
_AT_ONCE = 3  # servers: each is up to three processes that mostly wait
_LEAVERS = 6
_FOR_EVER = 20.0  # seconds: what takes longer counts as never happening


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One question, asked of every runtime and profile. ``see`` returns the cells that follow those two in each row.
    Without ``profiles`` the question is about the language, not about a server."""

    name: str
    title: str
    question: str
    columns: tuple[str, ...]
    note: str
    see: Callable[[Stage, str], Awaitable[Iterable[Cells]]]
    profiles: tuple[str, ...] = PROFILES


async def differences(runtimes: Iterable[str], *, say: Callable[[str], None]) -> tuple[Difference, ...]:
    """A table for each scenario."""
    found = []
    for scenario in SCENARIOS:
        say(f"Differences: {scenario.question}")
        found.append(await _asked(scenario, list(runtimes)))
    return tuple(found)


async def _asked(scenario: Scenario, runtimes: list[str]) -> Difference:
    profiles = scenario.profiles or ("",)
    rows: dict[tuple[str, str], list[Cells]] = {(r, p): [] for r in runtimes for p in profiles}
    limiter = trio.CapacityLimiter(_AT_ONCE)

    async def see(runtime: str, profile: str) -> None:
        async with limiter:
            try:
                seen = await scenario.see(Stage(quick=True, runtime=runtime), profile)
            except Exception as error:  # one server that fails must not lose the rows of the others
                seen = [[f"not seen: {in_a_line(error)}", *[""] * (len(scenario.columns) - 1)]]
        rows[runtime, profile] = [[runtime, *filter(None, [profile]), *cells] for cells in seen]

    async with trio.open_nursery() as nursery:
        for runtime, profile in rows:
            nursery.start_soon(see, runtime, profile)
    return Difference(
        name=scenario.name,
        title=scenario.title,
        question=scenario.question,
        columns=("runtime", *(["profile"] if scenario.profiles else []), *scenario.columns),
        rows=tuple(tuple(cells) for found in rows.values() for cells in found),
        note=scenario.note,
    )


async def _native(server: Server) -> QueueStatistics:
    return (await server.health()).queue("native_pool")


async def _leave(stage: Stage, profile: str) -> list[Cells]:
    """One thread is taken for two seconds. Clients wait for it and leave, and no others come."""
    async with stage.server("--threads", "1", "--profile", profile) as server, trio.open_nursery() as nursery:

        async def holds(in_service: int, waiting: int) -> bool:
            native = await _native(server)
            return (native.in_service, native.waiting) == (in_service, waiting)

        nursery.start_soon(partial(server.fetch, "/wait?ms=2000", timeout=_FOR_EVER))
        await until(partial(holds, 1, 0), limit=_FOR_EVER)
        async with trio.open_nursery() as waiting:
            for _ in range(_LEAVERS):
                waiting.start_soon(partial(server.fetch, "/wait?ms=50", timeout=_FOR_EVER))
            await until(partial(holds, 1, _LEAVERS), limit=2.0)
            waiting.cancel_scope.cancel()

        async def freed() -> bool:
            return places_freed(await _native(server))

        at_once = await until(freed, limit=1.0) is not None
        await until(partial(holds, 0, 0), limit=_FOR_EVER)
        done = ((await _native(server)).completions or 0) - 1
    return [["at once" if at_once else "not before their turn", f"{done} of {_LEAVERS}"]]


def places_freed(native: QueueStatistics) -> bool:
    """Whether nobody waits although the first job still has the thread. When it has ended, those that left may just have had
    their turn."""
    return (native.in_service, native.waiting) == (1, 0) and not native.completions


async def _run_on(stage: Stage, profile: str) -> list[Cells]:
    """A hash of two million rounds in a worker, in one call of C code."""
    async with stage.server("--workers", "1", "--run-timeout", "0.3", "--profile", profile) as server:
        reply = await server.fetch("/worker-hash?rounds=2000000", timeout=_FOR_EVER)
        before = server.cpu_seconds()
        await trio.sleep(0.5)
        goes_on = server.cpu_seconds() - before > 0.15
        after = await server.fetch("/worker-hash?rounds=1", timeout=_FOR_EVER)
    return [[f"{reply.status} after {reply.latency:.1f} s", "yes" if goes_on else "no", f"{after.status}"]]


async def _siblings(stage: Stage, profile: str) -> list[Cells]:
    return [
        [
            row.construct,
            str(row.siblings_ended),
            str(row.siblings_completed_after_error),
            "yes" if row.parent_waited else "no",
            "yes" if row.error_reached_parent else "no",
        ]
        for row in (await ask(Siblings, stage.runtime)).rows
    ]


async def _end(stage: Stage, profile: str) -> list[Cells]:
    """SIGTERM with a request in flight that would end within the grace period, and with one that would not."""
    short, long = [await _ended(stage, profile, ms) for ms in (400, 10_000)]
    return [[*short.cells, *long.cells, str(short.left + long.left)]]


@dataclass(slots=True)
class _Ending:
    """How one request and its server ended."""

    status: int | None = None
    exited: float | None = None
    code: int | None = None
    left: int = 0

    @property
    def cells(self) -> tuple[str, str]:
        ended = "never" if self.exited is None else f"after {self.exited:.1f} s, code {self.code}"
        return "cut off" if self.status is None else str(self.status), ended


async def _ended(stage: Stage, profile: str, ms: int) -> _Ending:
    ending = _Ending()

    async def send(server: Server) -> None:
        with suppress(OSError):
            ending.status = (await server.fetch(f"/wait?ms={ms}", timeout=_FOR_EVER)).status

    async def taken(server: Server) -> bool:
        return bool((await _native(server)).in_service)

    # The stage raises when a server exits with another code than 0; here the code is the finding.
    with suppress(RuntimeError):
        async with stage.server("--grace", "1", "--profile", profile) as server, trio.open_nursery() as nursery:
            process, family = server.child.process, server.workers()
            nursery.start_soon(send, server)
            await until(partial(taken, server), limit=_FOR_EVER)
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            with trio.move_on_after(_FOR_EVER):
                await process.wait()
                ending.exited = time.monotonic() - begun
            ending.code = process.returncode
            ending.left = sum(cpu_seconds(pid) is not None for pid in family)
    return ending


SCENARIOS = (
    Scenario(
        name="disconnect",
        title="Clients leave while they wait",
        question=f"{_LEAVERS} clients wait for a thread and leave: are their places freed, and is their work done?",
        columns=("places in the queue freed", "jobs done after they left"),
        note="One thread, taken for two seconds by another client; completions as the pool counts them in /health.",
        see=_leave,
    ),
    Scenario(
        name="timeout",
        title="A job takes too long",
        question="A worker computes past its run timeout of 0.3 s: what does the client get, and does the job go on?",
        columns=("reply", "computes on after the reply", "next job"),
        note="CPU time of the server and its children in the half second after the reply. Naive servers have no timeout.",
        see=_run_on,
    ),
    Scenario(
        name="siblings",
        title="One of three tasks fails",
        question="One task raises after 50 ms: what happens to the other two, and does the parent get the error?",
        columns=(
            "construct",
            "siblings ended",
            "completed after the error",
            "parent waited",
            "error reached the parent",
        ),
        note="A program for each runtime: siblings_*.py and siblings_node.mjs in trio_lab/subjects.",
        see=_siblings,
        profiles=(),
    ),
    Scenario(
        name="shutdown",
        title="SIGTERM with a request in flight",
        question="SIGTERM comes, with a grace period of 1 s: what happens to a request of 0.4 s, and to one of 10 s?",
        columns=("request of 0.4 s", "server ends", "request of 10 s", "server ends (10 s)", "processes left"),
        note="The request occupies a thread of the native pool. Processes are counted after the server has ended.",
        see=_end,
    ),
)
