"""Where the time of a request went: a ledger with a few parts whose sum is the whole.

A request opens a ledger, and whoever serves it writes down what it spent; a task and its children find it in `LEDGER`,
so that a pool need not know what a request is. Each moment belongs to one part, the first that claims it, so the parts
can never be more than the whole, whatever runs at the same time.

=======  ==============================================================================================================
part     what it is
=======  ==============================================================================================================
accept   from the moment the server had read the head of the request until our app was called: the pass or two until its
         task has its first turn; and, in a route that reads a body, the waits for it. What was before is not seen from
         inside: the kernel's backlog, and the bytes' wait in the socket while a pass lasts
queue    from the arrival at a bulkhead until its place was given, or refused
spawn    from handing the job over until it really runs: a thread's start, or the pipe to a worker, which reads the
         call and unpickles it (the first call of a function imports its module: that is here)
run      the job itself, in its thread or process, with whatever waits it has for the GIL or for a CPU. Of a job that
         did not come back (its worker died, it ran too long, its caller left): until the caller knew
send     from the first piece of the reply handed to the server until the kernel has taken the last
loop     all the rest: the steps of the request's own tasks, and their waits for a turn; a place that was given, or a
         result that has come, waits for the loop too
=======  ==============================================================================================================

So what a handler awaits in any other way would count as ``loop``; it says what it is with `booked`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import trio

from ..records.codec import NOT_OBSERVED
from ..records.summary import Summary, as_ms
from .histogram import Histogram

ACCEPT, LOOP, QUEUE, SPAWN, RUN, SEND = "accept", "loop", "queue", "spawn", "run", "send"
PARTS = (ACCEPT, LOOP, QUEUE, SPAWN, RUN, SEND)

_OTHERS = "(others)"


class Ledger:
    """The parts of one request's time. Moments are by `trio.current_time` unless said otherwise.

    ``made`` is when the server had read the request, by `time.perf_counter`; None where that is not observed: the ledger
    then begins now.
    """

    __slots__ = ("_begun", "_cursor", "_ended", "parts", "route")

    def __init__(self, route: str, *, made: float | None = None) -> None:
        self.route = route
        self.parts: dict[str, float] = {}
        now = trio.current_time()
        self._begun = self._cursor = now
        self._ended: float | None = None
        if made is not None:
            self._begun = self._cursor = now - max(0.0, perf_counter() - made)
            self.add(ACCEPT, self._begun, now)

    def __repr__(self) -> str:
        parts = ", ".join(f"{part} {seconds * 1e3:.3g} ms" for part, seconds in self.parts.items())
        return f"<Ledger {self.route}: {parts or 'nothing yet'}>"

    def add(self, part: str, begun: float, ended: float) -> None:
        """Write down what was spent between two moments, but for what is written down already. To be called in the
        order of time; a ledger that is closed takes no more."""
        begun = max(begun, self._cursor)
        if ended > begun:
            self.parts[part] = self.parts.get(part, 0.0) + ended - begun
            self._cursor = ended

    def add_job(self, handed_over: float, begun: float | None, ended: float | None) -> None:
        """A job that was handed over then, and ran elsewhere between two moments by `time.perf_counter`, which on Linux is
        one clock for all processes, and the same as `time.monotonic`; None: it has not begun, or not ended."""
        now = trio.current_time()
        shift = now - perf_counter()
        if begun is None:
            self.add(SPAWN, handed_over, now)
            return
        self.add(SPAWN, handed_over, min(now, begun + shift))
        self.add(RUN, begun + shift, now if ended is None else min(now, ended + shift))

    def close(self, sending: float | None = None) -> None:
        """The exchange is over; ``sending`` is when the reply's first piece was handed over. Later calls change nothing."""
        if self._ended is not None:
            return
        self._ended = trio.current_time()
        if sending is not None:
            self.add(SEND, sending, self._ended)
        self.parts[LOOP] = max(0.0, self.total - sum(self.parts.values()))
        self._cursor = math.inf

    @property
    def total(self) -> float:
        """Seconds from the begin to the end, or until now."""
        return (trio.current_time() if self._ended is None else self._ended) - self._begun


LEDGER: ContextVar[Ledger | None] = ContextVar("trio_lab_ledger", default=None)
"""The ledger of the request that the present task works for, if anybody keeps one."""


@contextmanager
def booked(part: str) -> Iterator[None]:
    """What the block lasts is ``part`` of the present request's time."""
    ledger, begun = LEDGER.get(), trio.current_time()
    try:
        yield
    finally:
        if ledger is not None:
            ledger.add(part, begun, trio.current_time())


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTimes:
    """All requests of one route. Seconds. A part is None when nobody observed it, and 0 where a request had none of it,
    so that the means of the parts add up to the mean of the whole."""

    route: str
    total: Summary
    parts: dict[str, Summary | None]

    def as_json(self) -> dict[str, Any]:
        """Plain values, times in milliseconds."""
        parts = {name: NOT_OBSERVED if part is None else as_ms(part) for name, part in self.parts.items()}
        return {"route": self.route, "count": self.total.count, "total_ms": as_ms(self.total), "parts": parts}


class Ledgers:
    """The closed ledgers of any number of requests, by route, in bounded memory: routes beyond the ``most`` are one."""

    def __init__(self, *, most: int = 100) -> None:
        self._most = most
        self._routes: dict[str, dict[str, Histogram]] = {}

    def keep(self, ledger: Ledger) -> None:
        """Close a ledger, and count it."""
        ledger.close()
        route = ledger.route
        if (found := self._routes.get(route)) is None:
            found = self._new(route)
        parts = ledger.parts
        found["total"].record(ledger.total)
        for part in PARTS:
            if part != ACCEPT or ACCEPT in parts:
                found[part].record(parts.get(part, 0.0))

    def _new(self, route: str) -> dict[str, Histogram]:
        name = route if len(self._routes) < self._most else _OTHERS
        return self._routes.setdefault(name, {part: Histogram() for part in (*PARTS, "total")})

    def read(self, *, reset: bool) -> list[RouteTimes]:
        """The routes since the last reset, those that took the most time first; with ``reset`` a new window begins."""
        routes = self._routes
        if reset:
            self._routes = {}
        return [
            RouteTimes(
                route=route,
                total=found["total"].summary(),
                parts={part: found[part].summary() if found[part].count else None for part in PARTS},
            )
            for route, found in sorted(routes.items(), key=lambda item: item[1]["total"].total, reverse=True)
        ]
