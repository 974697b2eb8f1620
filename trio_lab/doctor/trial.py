"""A trial: a program as it is and with a change, under the same load in turn, in a random order for each pair.

Both run all the time, and one of them is loaded. A program that can run only once, because it always takes the same port, is
started anew for each piece; that takes longer. What happens to either program ends the trial, and not the diagnosis.
"""

from __future__ import annotations

import math
import os
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from statistics import median

import trio

from ..diagnose.paired import FIRST_LOOK, looks
from ..diagnose.proof import BUDGET, decided
from ..errors import UsageError
from ..records.load import LoadResult
from ..records.proof import Trial
from ..stage.attached import Attached, ProgramEnded, attached
from ..stage.loaders import Loaders
from ..stage.quiet import Watch

_PROBES = 40.0  # a second, of the cheap path beside the load
_MOST_CONNECTIONS = 512
_STARTS_COST = 2.0  # times the budget, if each piece has a start of its own
_START_TIME = 5.0  # seconds to listen, on top of three times what a start took
_OVERTIME = 1.5  # times the budget, for the first look
_FAILED = 0.05  # of the requests: a latency of the others would say nothing

Piece = Callable[["Side"], Awaitable[float]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """One of the two programs: how it is started, and what it is asked for."""

    command: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    path: str


@dataclass(slots=True, kw_only=True)
class Trier:
    """Carries out a ``trial``. ``port`` is the one that the program must be loaded on, if it was named. ``patience`` is how
    many seconds a request may take, ``budget`` how many the pairs may take, by default what the measure needs. ``stdout`` is
    where the programs print, None for where we do. ``on_pair`` is told before each pair how many seconds are left."""

    trial: Trial
    before: Side
    after: Side
    beside: str
    patience: float
    port: int | None = None
    budget: float | None = None
    stdout: int | None = None
    on_pair: Callable[[Trial, float], None] = lambda trial, left: None
    _loaders: Loaders = field(default_factory=Loaders)
    _loaded: Side | None = None
    _start_time: float = 60.0  # seconds; less when it is known how long a start takes

    async def run(self) -> Trial:
        """The trial with its pairs, or with the reason why it has none.

        Raises:
            ChildLost: the load failed.
        """
        async with self._loaders.open():
            if self.port is not None or not await self._side_by_side():
                await self._one_at_a_time()
        return self.trial

    async def _side_by_side(self) -> bool:
        """False if the two cannot run at the same time, or the second not at all."""
        running: dict[Side, Attached] = {}
        try:
            async with AsyncExitStack() as stack:
                for side in (self.before, self.after):
                    running[side] = await self._start(stack, side)
                first, second = (one.listener for one in running.values())
                if first is not None and second is not None and first.port == second.port:
                    return False
                await self._in_turn(lambda side: self._piece(running[side].url, side), self._budget)
        except UsageError as error:
            if len(running) < 2:
                return False
            self._stop(error, broke=_is_of(error, running[self.after]))
        return True

    async def _one_at_a_time(self) -> None:
        self.trial = replace(self.trial, restarted=True)

        async def piece(side: Side) -> float:
            async with AsyncExitStack() as stack:
                service = await self._start(stack, side)
                await self._piece(service.url, side)  # until it is warm
                return await self._piece(service.url, side)

        try:
            await self._in_turn(piece, _STARTS_COST * self._budget)
        except UsageError as error:
            self._stop(error, broke=self._loaded is self.after)

    @property
    def _budget(self) -> float:
        return self.budget or BUDGET[self.trial.measure]

    async def _start(self, stack: AsyncExitStack, side: Side) -> Attached:
        self._loaded = None
        environment = os.environ | dict(side.variables)
        begun, limit = trio.current_time(), self._start_time
        program = attached(side.command, port=self.port, env=environment, stdout=self.stdout, start_time=limit)
        service = await stack.enter_async_context(program)
        self._loaded = side
        self._start_time = min(limit, _START_TIME + 3 * (trio.current_time() - begun))
        return service

    def _stop(self, error: UsageError, *, broke: bool) -> None:
        self.trial = replace(self.trial, stopped=str(error), broke=broke)

    async def _in_turn(self, piece: Piece, budget: float) -> None:
        """Measure pairs until they decide, or time is over."""
        for side in (self.before, self.after):
            await piece(side)  # until both are warm
        most = max(FIRST_LOOK, int(budget / (2 * self.trial.piece)))
        self.trial = replace(self.trial, looks=len(looks(most)))
        begun = trio.current_time()
        while not decided(self.trial, most) and (left := self._left(trio.current_time() - begun, budget)) > 0:
            self.on_pair(self.trial, left)
            watch = Watch()
            found = {side: await piece(side) for side in random.sample((self.before, self.after), 2)}
            self.trial = replace(
                self.trial,
                pairs=(*self.trial.pairs, (found[self.before], found[self.after])),
                disturbed=self.trial.disturbed + watch.disturbed(),
            )

    def _left(self, spent: float, budget: float) -> float:
        """Seconds for more pairs, after so many. Something is decided only after some pairs, so they get a little more."""
        count = len(self.trial.pairs)
        if count < FIRST_LOOK:
            return _OVERTIME * budget - spent
        return budget - spent if spent * (count + 1) / count <= budget else 0.0

    # One piece of load. Every figure is a number over 0: a piece without a reply is as bad as can be told.

    async def _piece(self, url: str, side: Side) -> float:
        if self.trial.measure == "throughput":
            return self._rate(await self._load(url + side.path, connections=self.trial.clients))
        if self.trial.measure == "p50":
            rate = self.trial.rate or 1.0
            connections = min(_MOST_CONNECTIONS, math.ceil(rate * self.patience) + 16)
            result = await self._load(url + side.path, rate=rate, connections=connections)
            return self._latency(result)
        return await self._beside(url, side)

    async def _beside(self, url: str, side: Side) -> float:
        found: list[float] = []

        async def probe() -> None:
            probes = await self._load(url + self.beside, rate=_PROBES, connections=64)
            found.append(median(latency for _, latency in probes.samples or ((0.0, self.patience),)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(probe)
            result = await self._load(url + side.path, connections=self.trial.clients)
        return self.patience if _fails(result) else max(1e-6, found[0])  # a program that does no work is quick

    async def _load(self, url: str, *, connections: int, rate: float | None = None) -> LoadResult:
        plan: dict[str, object] = {"url": url, "connections": connections, "own_this": True}  # we have started it
        if rate is not None:
            plan["rate"] = rate
        timing = {"duration": self.trial.piece, "timeout": self.patience, "keep_samples": True}
        return await self._loaders.load(plan | timing)

    def _rate(self, result: LoadResult) -> float:
        """Ok replies a second until the last one: what is in flight when the piece ends counts too, and so does its time."""
        last = max((ended for ended, latency in result.samples or () if latency < self.patience), default=0.0)
        return max(1, result.requests.ok) / (last or self.patience)

    def _latency(self, result: LoadResult) -> float:
        return self.patience if _fails(result) else result.latency.p50


def _fails(result: LoadResult) -> bool:
    counts = result.requests
    due = counts.sent + counts.dropped
    return not due or counts.ok < (1 - _FAILED) * due


def _is_of(error: UsageError, service: Attached) -> bool:
    return isinstance(error, ProgramEnded) and error.program is service.program
