"""A server under more load than it can serve, watched from outside: its queue, its memory, and what a single caller sees.

What is asked of it is a multiple of its capacity, which is measured first. On a machine that others use, that figure may be far
too low, and the load would then be none. So it is compared with what the machine could give, and with a second one after
the load; where they do not fit, nothing can be told (`Disturbed`).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import trio

from ..cores import usable_cores
from ..load.client import Reply
from ..measure.process import resident_bytes
from ..records.figures import Figures, Measures, measured
from ..records.load import LoadResult
from ..stage.crowd import capacity_of
from ..stage.quiet import Watch
from ..stage.stage import Load, Stage
from .both import Part
from .model import Disturbed
from .server import FaultyServer, faulty_server

FLAGS = ("--grace", "0.2")
NAIVE = ("--profile", "naive")
CONNECTIONS = 1000  # more than can be in flight
INTERVAL = 0.1  # seconds to a row of the series
_FULL = "full"  # what a refusal at entry says of the queue
_LOOK = 0.1  # seconds between two looks
_PATIENCE = 1.0  # of the single caller
_TRIALS = 5
_LEAST = 0.5  # of what the machine could give
_STEADY = 1.5  # the larger of two capacities ÷ the smaller one

Found = TypeVar("Found")


@dataclass(slots=True, kw_only=True)
class Watched:
    """What was seen while a load ran. ``bound``: callers that may wait, if there is one. ``refusals``: seconds until each
    refusal at entry."""

    looks: int = 0
    most_waiting: int = 0
    bound: int | None = None
    most_memory: int = 0
    refusals: list[float] = field(default_factory=list)

    def over_bound(self) -> int | None:
        """Callers that waited although no more might; all that waited where there is no bound. None if nobody looked."""
        return max(0, self.most_waiting - (self.bound or 0)) if self.looks else None


def protected(
    figures: Measures[Found], measure: Callable[[Stage, FaultyServer], Awaitable[Found]], *flags: str
) -> Part:
    """The figures of a measurement at a server with these flags, and of what it leaves behind."""

    async def play(stage: Stage) -> Figures:
        async with faulty_server(*FLAGS, *flags, runtime=stage.runtime) as server:
            return measured(figures, await measure(stage, server)) | await server.aftermath()

    return play


def unprotected(
    figures: Measures[Found], measure: Callable[[Stage, FaultyServer], Awaitable[Found]], *flags: str
) -> Part:
    """The same for a control, which is short, and may leave behind what it likes."""

    async def play(stage: Stage) -> Figures:
        short = Stage(quick=True, dose=stage.dose, runtime=stage.runtime)
        async with faulty_server(*FLAGS, *flags, runtime=stage.runtime) as server:
            return measured(figures, await measure(short, server))

    return play


async def able(stage: Stage, server: FaultyServer, path: str) -> float:
    """Replies per second that the server can give to clients who do not leave.

    Raises:
        Disturbed: other programs used much of the machine, or left it less than half of what it could give.
    """
    await server.fetch(path)
    alone, watch = min([await _seconds(server, path) for _ in range(_TRIALS)]), Watch()
    found = await capacity_of(stage, server, path, seconds=max(1.6, stage.seconds(4, quick=2)))
    possible = min(usable_cores(), server.size) / alone
    machine = watch.conditions()
    if machine.disturbance == "much" or (machine.disturbance == "some" and found < _LEAST * possible):
        raise Disturbed(
            f"{found:.0f} replies per second, where {possible:.0f} would have been possible; other programs used "
            f"{machine.others or 0.0:.0%} of the machine"
        )
    return found


async def able_now(stage: Stage, server: FaultyServer, path: str, before: float) -> float:
    """The capacity during a load that is over: the mean of that ``before`` and the present one.

    Raises:
        Disturbed: they differ so much that neither says what it was meanwhile.
    """
    now = await able(stage, server, path)
    if max(before, now) > _STEADY * min(before, now):
        raise Disturbed(f"{before:.0f} replies per second before the load, {now:.0f} after it")
    return (before + now) / 2


async def _seconds(server: FaultyServer, path: str) -> float:
    began = trio.current_time()
    await server.fetch(path)
    return trio.current_time() - began


async def crowded(stage: Stage, server: FaultyServer, path: str, queue: str, load: Load) -> tuple[LoadResult, Watched]:
    """The load, and what was seen of the server meanwhile."""
    seen = Watched()
    async with trio.open_nursery() as watching:
        watching.start_soon(_again, partial(_look, server, queue, seen))
        watching.start_soon(_again, partial(_ask, server, path, seen))
        load.setdefault("interval", INTERVAL)
        found = await stage.load(server.url + path, **load)
        watching.cancel_scope.cancel()
    return found, seen


async def _again(look: Callable[[], Awaitable[None]]) -> None:
    while True:
        with suppress(OSError, trio.TooSlowError):  # it is overloaded; the load's own figures show by how much
            await look()
        await trio.sleep(_LOOK)


async def _look(server: FaultyServer, queue: str, seen: Watched) -> None:
    seen.most_memory = max(seen.most_memory, resident_bytes(server.pid) or 0)
    found = (await server.health()).queue(queue)
    seen.looks += 1
    seen.bound = found.max_waiting
    seen.most_waiting = max(seen.most_waiting, found.peak_waiting or 0)


async def _ask(server: FaultyServer, path: str, seen: Watched) -> None:
    """One more caller, whose refusals are read."""
    began = time.monotonic()
    reply: Reply = await server.fetch(path, timeout=_PATIENCE)
    if reply.status == 503 and _FULL in reply.body.decode(errors="replace"):
        seen.refusals.append(time.monotonic() - began)
