"""Where the time of a request went: a ledger of a few parts that add up to the whole.

A request opens a ledger, and the code that serves it books the time it spends. A task and its children find the ledger in
`LEDGER`, so that a pool need not know what a request is. Each moment is booked once, by the part that claims it first, so
the parts never add up to more than the whole, whatever runs at the same time.

=======  ==============================================================================================================
part     what it is
=======  ==============================================================================================================
accept   from the server having read the head of the request to the call of the app: the pass or two until the request's
         task first runs; and, in a route that reads a body, the waits for the body. Earlier waits are not seen by the
         process: in the kernel's backlog, and in the socket while a pass lasts
queue    from the arrival at a bulkhead until the place is given or refused
spawn    from handing over the job until it runs: the start of a thread, or the pipe to a worker and the unpickling there
         (the first call of a function imports its module, and counts here)
run      the job itself in its thread or process, its waits for the GIL or a CPU included. For a job without a result (its
         worker died, it ran too long, its caller left): until the caller was told
send     from handing the first part of the reply to the server until the kernel has taken the last
loop     all the rest: the steps of the request's tasks and their waits for the loop, also after a place was given or a
         result has come
=======  ==============================================================================================================

Anything else that a handler awaits would count as ``loop``, so it books that time with `booked`. Other people's programs do
not. For them the rest is the part ``other``. If their loop is watched, the rest is divided: while the loop slept, no request
can have waited for it, so that time is ``other``. What then remains is ``loop``, an upper bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import Any, Generic, ParamSpec, TypeVar

from ..preconditions import running_loop
from ..records.codec import MS, NOT_OBSERVED, to_plain
from ..records.summary import Summary
from .histogram import Histogram

ACCEPT, LOOP, QUEUE, SPAWN, RUN, SEND = "accept", "loop", "queue", "spawn", "run", "send"
OTHER = "other"
PARTS = (ACCEPT, LOOP, QUEUE, SPAWN, RUN, SEND)

P = ParamSpec("P")
T = TypeVar("T")

_EVERY = (QUEUE, SPAWN, RUN, SEND)
_SOME = (ACCEPT, LOOP, OTHER)  # not observed everywhere

_OTHERS = "(others)"


class Ledger:
    """The parts of one request's time. Times are by ``now``, the clock of the request's loop, unless stated otherwise.

    ``made`` is when the server had read the request, by `time.perf_counter`. None means that this is not observed; the
    ledger then begins now. ``rest`` is the part that gets the time which nobody books. ``asleep`` returns how long the loop
    has waited for I/O so far; with it, ``rest`` is divided into ``other`` and ``loop``. What is booked here is booked in the
    ledger ``around`` it as well, which has the same clock.
    """

    __slots__ = ("_around", "_asleep", "_begun", "_cursor", "_ended", "_rest", "_slept", "now", "parts", "route")

    def __init__(
        self,
        route: str,
        *,
        now: Callable[[], float],
        made: float | None = None,
        rest: str = LOOP,
        asleep: Callable[[], float] | None = None,
        around: Ledger | None = None,
    ) -> None:
        self.route = route
        self._around = around
        self.now = now
        self.parts: dict[str, float] = {}
        self._begun = self._cursor = begun = now()
        self._ended: float | None = None
        self._rest = rest
        self._asleep = asleep
        self._slept = 0.0 if asleep is None else asleep()
        if made is not None:
            self._begun = self._cursor = begun - max(0.0, perf_counter() - made)
            self.add(ACCEPT, self._begun, begun)

    def __repr__(self) -> str:
        parts = ", ".join(f"{part} {seconds * 1e3:.3g} ms" for part, seconds in self.parts.items())
        return f"<Ledger {self.route}: {parts or 'nothing yet'}>"

    def add(self, part: str, begun: float, ended: float) -> None:
        """Book the time between two moments, except what is booked already. Call it in the order of time. A closed ledger
        ignores it."""
        begun = max(begun, self._cursor)
        if ended > begun:
            self.parts[part] = self.parts.get(part, 0.0) + ended - begun
            self._cursor = ended
            if self._around is not None:
                self._around.add(part, begun, ended)

    def add_job(self, handed_over: float, begun: float | None, ended: float | None) -> None:
        """Book a job: when it was handed over, and between which moments it ran in its thread or process.

        ``begun`` and ``ended`` are by `time.perf_counter`, which on Linux is one clock for all processes; None means that the
        job has not begun, or not ended.
        """
        now = self.now()
        shift = now - perf_counter()
        if begun is None:
            self.add(SPAWN, handed_over, now)
            return
        self.add(SPAWN, handed_over, min(now, begun + shift))
        self.add(RUN, begun + shift, now if ended is None else min(now, ended + shift))

    def close(self, sending: float | None = None) -> None:
        """End the ledger; ``sending`` is when the first part of the reply was handed over. Later calls change nothing."""
        if self._ended is not None:
            return
        ended = self._ended = self.now()
        if sending is not None:
            self.add(SEND, sending, ended)
        parts, self._cursor = self.parts, math.inf
        booked = sum(parts.values())
        rest = max(0.0, ended - self._begun - booked)
        if self._asleep is None:
            parts[self._rest] = rest
        else:
            parts[OTHER] = other = min(rest, max(0.0, self._asleep() - self._slept - booked))
            parts[LOOP] = rest - other

    @property
    def total(self) -> float:
        """Seconds from the begin to the end, or to now."""
        return (self.now() if self._ended is None else self._ended) - self._begun


def clock() -> Callable[[], float]:
    """The clock of the loop that runs in this thread, and of its pools."""
    if running_loop() == "Trio":
        import trio  # a program on asyncio starts without it

        return trio.current_time
    return monotonic


LEDGER: ContextVar[Ledger | None] = ContextVar("trio_lab_ledger", default=None)
"""The ledger of the request that the current task works for; None if it has none."""


@contextmanager
def booked(part: str) -> Iterator[None]:
    """Book the duration of the block as ``part`` of the current request."""
    if (ledger := LEDGER.get()) is None:
        yield
        return
    begun = ledger.now()
    try:
        yield
    finally:
        ledger.add(part, begun, ledger.now())


class Timed(Generic[P, T]):
    """A job for a thread, which notes when it runs. `book` it when the caller has its result or has left: an abandoned thread
    may end long after the ledger was closed."""

    def __init__(self, work: Callable[P, T], ledger: Ledger) -> None:
        self._work = work
        self._ledger = ledger
        self._handed_over = ledger.now()
        self._begun: float | None = None
        self._ended: float | None = None

    def __call__(self, *args: P.args, **keywords: P.kwargs) -> T:
        self._begun = perf_counter()
        try:
            return self._work(*args, **keywords)
        finally:
            self._ended = perf_counter()

    def book(self) -> None:
        self._ledger.add_job(self._handed_over, self._begun, self._ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTimes:
    """All requests of one route, in seconds.

    A part is None when it was not observed; ``other`` is there only if it was. A request without a part counts as 0 there, so
    that the means of the parts add up to the mean of the whole.
    """

    route: str
    total: Summary
    parts: dict[str, Summary | None]

    def as_json(self) -> dict[str, Any]:
        """Plain values, times in milliseconds."""
        parts = {name: NOT_OBSERVED if part is None else to_plain(part, MS) for name, part in self.parts.items()}
        return {"route": self.route, "count": self.total.count, "total_ms": to_plain(self.total, MS), "parts": parts}


class Ledgers:
    """The ledgers of any number of requests by route, in bounded memory: from ``most`` routes on, new ones share one entry."""

    def __init__(self, *, most: int = 100) -> None:
        self._most = most
        self._routes: dict[str, dict[str, Histogram]] = {}

    def keep(self, ledger: Ledger) -> None:
        """Close a ledger and add it to its route."""
        ledger.close()
        route = ledger.route
        if (found := self._routes.get(route)) is None:
            found = self._new(route)
        parts = ledger.parts
        found["total"].record(ledger.total)
        for part in _EVERY:
            found[part].record(parts.get(part, 0.0))
        for part in _SOME:
            if part in parts:
                found[part].record(parts[part])

    def _new(self, route: str) -> dict[str, Histogram]:
        name = route if len(self._routes) < self._most else _OTHERS
        return self._routes.setdefault(name, {part: Histogram() for part in (*PARTS, OTHER, "total")})

    def read(self, *, reset: bool) -> list[RouteTimes]:
        """The routes since the last reset, the one with the most time first. With ``reset`` a new window begins."""
        routes = self._routes
        if reset:
            self._routes = {}
        return [
            RouteTimes(
                route=route,
                total=found["total"].summary(),
                parts=_summaries(found),
            )
            for route, found in sorted(routes.items(), key=lambda item: item[1]["total"].total, reverse=True)
        ]


def _summaries(found: dict[str, Histogram]) -> dict[str, Summary | None]:
    parts: dict[str, Summary | None] = {part: found[part].summary() if found[part].count else None for part in PARTS}
    return parts | {OTHER: found[OTHER].summary()} if found[OTHER].count else parts
