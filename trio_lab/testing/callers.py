"""Callers for a rehearsal of overload: they come in numbers, leave when their patience is over, and try again.

What they call is an async function of the test, one call a request: the code under test, with its real bulkheads and pools.
It runs on Trio in virtual time, so a minute of load takes a moment, and the same test gives the same figures each time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Literal

import trio

from ..errors import BrokenWorkerError, Overloaded, RunTimeout
from ..simulate.arrivals import Arrivals
from ..simulate.times import Times, times_of

Outcome = Literal["served", "refused", "left", "failed"]

_FAILURES = (BrokenWorkerError, RunTimeout, TimeoutError, trio.TooSlowError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request: when it was made and ended, on Trio's clock, and how many attempts of the same caller came before it."""

    asked: float
    ended: float
    outcome: Outcome
    before: int

    @property
    def waited(self) -> float:
        return self.ended - self.asked


class Callers:
    """Callers of ``ask``. An attempt is served if it returns. It is refused if it raises `Overloaded`, and has failed if it
    raises `RunTimeout`, `BrokenWorkerError`, a `TimeoutError` or `trio.TooSlowError`; other errors end the test. The caller
    has left if its ``patience`` was over first, and ``ask`` is then cancelled.

    A caller whose attempt was not served tries again up to ``retries`` times, each time after a ``pause``, which ``backoff``
    multiplies each time. Durations are seconds, or `Times` to be drawn at random; the same ``seed`` draws the same.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[object]],
        *,
        patience: Times | float | None = None,
        retries: int = 0,
        pause: Times | float = 1.0,
        backoff: float = 1.0,
        seed: int = 1,
    ) -> None:
        self._ask = ask
        self._random = Random(seed)
        self._patience = None if patience is None else times_of(patience).draw(self._random)
        self._retries = retries
        self._pause = times_of(pause).draw(self._random)
        self._backoff = backoff
        self.attempts: list[Attempt] = []
        """Those that have ended, in the order of their ends."""

    def count(self, outcome: Outcome | None = None, *, since: float = -inf, until: float = inf) -> int:
        """How many attempts ended so (None: in any way), of those that ended from ``since`` on and before ``until``."""
        return sum(since <= attempt.ended < until and outcome in (None, attempt.outcome) for attempt in self.attempts)

    async def come(self, arrivals: Arrivals, seconds: float = inf) -> None:
        """They come at the moments of ``arrivals``, counted from now, for so many ``seconds``, whatever becomes of those that
        came before. Returns when the last has ended."""
        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            for moment in arrivals.times(self._random, start):
                if moment - start >= seconds:
                    break
                await trio.sleep_until(moment)
                nursery.start_soon(self.call)

    async def call(self) -> None:
        """One caller, with all its attempts."""
        for before in range(1 + self._retries):
            if before:
                await trio.sleep(self._pause() * self._backoff ** (before - 1))
            asked = trio.current_time()
            outcome = await self._attempt()
            self.attempts.append(Attempt(asked=asked, ended=trio.current_time(), outcome=outcome, before=before))
            if outcome == "served":
                return

    async def _attempt(self) -> Outcome:
        with trio.move_on_after(inf if self._patience is None else self._patience()):
            try:
                await self._ask()
            except Overloaded:
                return "refused"
            except _FAILURES:
                return "failed"
            return "served"
        return "left"
