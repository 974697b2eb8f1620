"""A million short jobs, while callers leave, limits pass, workers die and the loop is blocked.

A pool may end the wrong job: the job that it means has ended, but its reply is unread because the loop was busy, and the
worker runs the next job already. So it is decided before each call how it may end. Most calls are innocent: they have
limits of a minute, nobody cancels them, and they return their number. The drill fails if one of them is cancelled, runs into
a limit or loses its worker (more of them than workers were killed from outside), or if a call gets another call's result. It
also fails if the sums do not add up: each call is finished, raised, cancelled, past a limit, lost with its worker or
refused, and the pool's own counts must balance.

All jobs are of one kind, so that the pool sends them ahead, long ones behind short ones and short ones behind long ones. The
pool is driven directly, in a process of its own. The control is the same pool without its two protections: it does not read
a worker's replies before it ends a job, and its workers end whatever job is running when an interrupt comes, not only the
job that the interrupt names.
"""

from __future__ import annotations

import itertools
import math
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import trio

from ...errors import BrokenWorkerError, Overloaded, QueueTimeout, RunTimeout
from ...pools.actions import Order, Verb
from ...pools.driver import Driver
from ...pools.limits import PoolOptions
from ...pools.workers import WorkerPool, open_pool
from ...records.figures import check
from ...stage.alone import alone
from ..aftermath import watched_pool
from ..model import Drill
from ..poison import Announced, end

_CALLERS = 16
_BURST = 60  # calls at once, more than may wait
_MAX_QUEUE = 50
_ENOUGH = 10
_LONG = 60.0  # seconds: a limit that no call reaches
_NAMELESS = [sys.executable, "-c", "from trio_lab.drills.nameless import main; main()"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A kind of call. ``weight`` is how often it comes, of 10 000; ``ends`` are the ways in which it may end.

    Its job sleeps for up to ``longest`` seconds, then ends as ``how`` says. Its caller leaves after at most ``patience``.
    """

    weight: int
    ends: tuple[str, ...]
    how: str = "return"
    longest: float = 0.0
    patience: float | None = None
    queue_timeout: float = _LONG
    run_timeout: float = _LONG


INNOCENT = Plan(weight=9_710, ends=("finished",))
PLANS = (
    INNOCENT,
    Plan(weight=40, ends=("finished",), longest=0.004),
    Plan(weight=100, ends=("raised",), how="raise"),
    Plan(weight=50, ends=("finished", "cancelled"), longest=0.004, patience=0.006),
    Plan(weight=50, ends=("finished", "cancelled"), patience=0.0),
    Plan(weight=25, ends=("finished", "limit passed"), longest=0.006, run_timeout=0.004),
    Plan(weight=20, ends=("finished", "limit passed"), queue_timeout=0.002),
    Plan(weight=5, ends=("killed",), how="die"),
)
# Long innocent jobs right behind jobs that are to be ended while the loop is blocked.
LEAVES = Plan(weight=0, ends=("finished", "cancelled"), longest=0.008, patience=0.012)
HURRIES = Plan(weight=0, ends=("finished", "limit passed"), longest=0.008, run_timeout=0.006)
STAYS = Plan(weight=0, ends=("finished",), longest=0.025)
TRAP = (LEAVES, STAYS, STAYS, HURRIES, STAYS, STAYS)
ENDS = ("finished", "raised", "cancelled", "limit passed", "killed", "refused", "wrong")


class Crowd:
    """The calls, what became of them, and what is done to their pool meanwhile."""

    def __init__(self, pool: WorkerPool, dice: random.Random) -> None:
        self._pool = pool
        self._dice = dice
        self._weights = [plan.weight for plan in PLANS]
        self.calls = 0
        self.ends = Counter[str]()
        self.unexpected = Counter[str]()
        """Ends that the call's plan does not have."""
        self.killed_outside = 0
        self.blocks = 0

    async def run(self, calls: int) -> None:
        """So many calls, or fewer: after `_ENOUGH` innocent jobs that were ended the question is answered."""
        numbers = itertools.takewhile(lambda _: self.innocent_ended < _ENOUGH, range(calls))
        async with trio.open_nursery() as trouble:
            async with trio.open_nursery() as callers:
                trouble.start_soon(self._make_trouble, numbers, callers)
                for _ in range(_CALLERS):
                    callers.start_soon(self._call_all, numbers)
            trouble.cancel_scope.cancel()

    async def _call_all(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            await self._call(number)

    async def _call(self, number: int, plan: Plan | None = None) -> None:
        self.calls += 1
        if plan is None:
            (plan,) = self._dice.choices(PLANS, self._weights)
        self.count(plan, await self._end(plan, number))

    def count(self, plan: Plan, how: str) -> None:
        """Any call may be refused, because its job was not started. A call that has lost its worker is unexpected here, and
        `innocent_ended` allows as many of them as workers were killed from outside."""
        self.ends[how] += 1
        if how not in (*plan.ends, "refused"):
            self.unexpected[how] += 1

    async def _end(self, plan: Plan, number: int) -> str:
        seconds = plan.longest * self._dice.uniform(0.5, 1.0)
        patience = math.inf if plan.patience is None else self._dice.uniform(0.0, plan.patience)
        try:
            with trio.move_on_after(patience):
                answer = await self._pool.run(
                    end,
                    number,
                    seconds,
                    plan.how,
                    kind="short",
                    queue_timeout=plan.queue_timeout,
                    run_timeout=plan.run_timeout,
                )
                return "finished" if answer == number else "wrong"
        except Announced as error:
            return "raised" if error.args == (number,) else "wrong"
        except (RunTimeout, QueueTimeout):
            return "limit passed"
        except BrokenWorkerError:
            return "killed"
        except Overloaded:
            await trio.sleep(0.001)  # otherwise refused callers would keep the loop busy
            return "refused"
        return "cancelled"

    async def _make_trouble(self, numbers: Iterator[int], callers: trio.Nursery) -> None:
        """Block the loop, kill workers from outside, and make many calls at once."""
        dice = self._dice
        while True:
            await trio.sleep(dice.uniform(0.01, 0.1))
            match dice.randrange(10):
                case 0:
                    self._kill_one()
                case 1 | 2 | 3 | 4 | 5:
                    for plan, number in zip(TRAP, numbers, strict=False):
                        callers.start_soon(self._call, number, plan)
                    await trio.sleep(0.004)
                    self._block_the_loop(0.01)
                case 6:
                    for number in itertools.islice(numbers, _BURST):
                        callers.start_soon(self._call, number)
                case _:
                    self._block_the_loop(0.001)

    def _block_the_loop(self, shortest: float) -> None:
        time.sleep(self._dice.uniform(shortest, 0.03))
        self.blocks += 1

    def _kill_one(self) -> None:
        """Only while all are ready: after a few deaths at the start the pool refuses all calls, which is another drill."""
        if self._pool.ready == self._pool.size:
            os.kill(self._dice.choice(self._pool.pids()), signal.SIGKILL)
            self.killed_outside += 1

    @property
    def innocent_ended(self) -> int:
        lost = max(0, self.unexpected["killed"] - self.killed_outside)
        return self.unexpected.total() - self.unexpected["killed"] - self.unexpected["wrong"] + lost

    def figures(self) -> dict[str, float | None]:
        s = self._pool.statistics()
        counts = (s.completions, s.rejected, s.timed_out, s.cancelled, s.in_service, s.waiting)
        return {
            "calls": self.calls,
            **{how.replace(" ", "_"): self.ends[how] for how in ENDS},
            "killed_outside": self.killed_outside,
            "blocks": self.blocks,
            "innocent_ended": self.innocent_ended,
            "unbalanced": abs(self.calls - self.ends.total())
            + abs((s.arrivals or 0) - sum(count or 0 for count in counts)),
        }


class _BlindDriver(Driver):
    """Does not read a worker's replies before a decision about its job."""

    def _obey(self, order: Order, now: float) -> None:
        if order.verb is Verb.LOOK:
            self._dispatcher.on_looked(self._dispatcher.slots[order.slot], (), (), 0, now)
        else:
            super()._obey(order, now)


class _BlindPool(WorkerPool):
    driver_type = _BlindDriver


async def in_pool(calls: int, blind: bool) -> dict[str, float | None]:
    figures: dict[str, float | None] = {}
    options = PoolOptions(size=2, max_queue=_MAX_QUEUE, on_cancel="stop", command=_NAMELESS if blind else None)
    async with watched_pool(open_pool(_BlindPool if blind else WorkerPool, options), figures) as pool:
        crowd = Crowd(pool, random.Random(31))
        await crowd.run(calls)
        figures |= crowd.figures()
    return figures


DRILL = Drill(
    name="innocent-callers",
    number=31,
    gate=True,
    question="Among callers that leave, limits that pass, workers that die and a blocked loop: is anybody else's job ended?",
    figures=(
        "calls",
        *(how.replace(" ", "_") for how in ENDS),
        "killed_outside",
        "blocks",
        "innocent_ended",
        "unbalanced",
    ),
    checks=(
        check("innocent callers whose job was ended", "innocent_ended", "<=", 0),
        check("results and errors of another call", "wrong", "<=", 0),
        check("calls that the sums have lost", "unbalanced", "<=", 0),
        check("calls that were cancelled", "cancelled", ">=", 1),
        check("calls whose limit passed", "limit_passed", ">=", 1),
        check("calls that were lost with their worker", "killed", ">=", 1),
    ),
    inject=lambda stage: alone(partial(in_pool, stage.count(1_000_000, quick=20_000), blind=False), limit=3_600),
    control=lambda stage: alone(partial(in_pool, 200_000, blind=True)),
    twin="a pool that ends jobs unseen, by interrupts that name none",
)
