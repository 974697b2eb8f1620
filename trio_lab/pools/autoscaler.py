"""An autoscaler: looks at a pool every period, and lets the rule in `scaling` say how many workers are wanted.

It is the careful alternative to a pool that grows as soon as anybody waits. It keeps what it decided, with everything it
went by, so that nobody has to guess why a pool did not grow.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import trio

from ..blocks import block
from ..loop.eyes import Passes
from ..loop.loop_time import PassWindow
from ..preconditions import require_count, require_seconds
from ..records.queue import QueueStatistics
from .limits import LONGEST, PoolLimits
from .scaling import Decision, Signals, decide

PERIOD = 0.5  # seconds between two looks: a worker takes a tenth of a second to start, a queue some seconds to fill
IDLE_AFTER = 3.0  # seconds of idleness before a worker is given up; starting one again costs more than keeping it
_KEPT = 100  # decisions: the last minute


class Scalable(Protocol):
    """What is needed of a pool; `WorkerPool` has it."""

    name: str
    limits: PoolLimits

    @property
    def size(self) -> int: ...
    @property
    def ready(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    def resize(self, size: int) -> None: ...
    def statistics(self) -> QueueStatistics: ...


class Autoscaler:
    """Keeps a pool between two sizes. Open it with `open_autoscaler`."""

    def __init__(
        self,
        pool: Scalable,
        *,
        smallest: int,
        largest: int,
        idle_after: float,
        loop_lag: Callable[[], float],
        free_cores: Callable[[], float | None],
    ) -> None:
        require_count("smallest", smallest, low=1)
        require_count("largest", largest, low=smallest)
        require_seconds("idle_after", idle_after, low=0.0, high=LONGEST)
        if largest > pool.limits.size:
            raise ValueError(f"largest must be at most the pool's own size, {pool.limits.size}, not {largest}")
        if pool.limits.min_size is not None:
            raise ValueError("a pool with a min_size follows its demand by itself")
        self._pool = pool
        self._smallest, self._largest = smallest, largest
        self._idle_after = idle_after
        self._loop_lag = loop_lag
        self._free_cores = free_cores
        self._decisions: deque[Decision] = deque(maxlen=_KEPT)
        self._number = 0
        self._idle_since: float | None = None
        pool.resize(smallest)

    def __repr__(self) -> str:
        last = self._decisions[-1].reason if self._decisions else "no decision yet"
        return f"<Autoscaler {self._pool.name} {self._smallest}…{self._largest}, now {self._pool.size}: {last}>"

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The last hundred, oldest first."""
        return tuple(self._decisions)

    def look(self, now: float) -> Decision:
        """Decide once, and act on it."""
        signals = self._signals(now)
        wanted, reason = decide(signals, smallest=self._smallest, largest=self._largest, idle_after=self._idle_after)
        if wanted != signals.size:
            self._pool.resize(wanted)
            self._idle_since = None  # the next worker to go has to be idle as long again
        self._number += 1
        decision = Decision(
            number=self._number, at=now, pool=self._pool.name, signals=signals, wanted=wanted, reason=reason
        )
        self._decisions.append(decision)
        return decision

    def _signals(self, now: float) -> Signals:
        pool = self._pool
        busy = pool.statistics().in_service or 0
        if pool.waiting or busy >= pool.size:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        return Signals(
            queued_jobs=pool.waiting,
            loop_lag=self._loop_lag(),
            free_cores=self._free_cores(),
            size=pool.size,
            ready=pool.ready,
            busy=busy,
            idle_for=0.0 if self._idle_since is None else now - self._idle_since,
        )


def longest_pass(monitor: Passes) -> Callable[[], float]:
    """A reader of the loop's delay: each call gives the longest pass since the one before, in seconds.

    The longest, because whoever came at its beginning was delayed by that much and no probe between two samples would
    tell. Infinite while passes are not seen: a monitor that is blind must not look like a loop that is idle.
    """
    window = PassWindow(monitor)

    def read() -> float:
        loop = window.read(reset=True)
        return loop.passes.max if loop.blind is None else math.inf

    return read


@block
async def open_autoscaler(
    pool: Scalable,
    *,
    loop_lag: Callable[[], float],
    free_cores: Callable[[], float | None],
    smallest: int = 1,
    largest: int | None = None,
    period: float = PERIOD,
    idle_after: float = IDLE_AFTER,
) -> AsyncIterator[Autoscaler]:
    """Keep ``pool`` between ``smallest`` and ``largest`` workers (default: its own size) for the length of the block.

    It begins with the smallest size. ``loop_lag`` and ``free_cores`` are asked once a period for what has been since
    they were last asked. Open it before the pool's workers have started, and none is started in vain.
    """
    require_seconds("period", period, low=0.0, high=LONGEST)
    autoscaler = Autoscaler(
        pool,
        smallest=smallest,
        largest=pool.limits.size if largest is None else largest,
        idle_after=idle_after,
        loop_lag=loop_lag,
        free_cores=free_cores,
    )

    async def run() -> None:
        while True:
            await trio.sleep(period)
            autoscaler.look(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        yield autoscaler
        nursery.cancel_scope.cancel()
