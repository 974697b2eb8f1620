"""The loop is blocked or the process stopped, or a pool, the default threads or a neighbour holds requests up: does the process
beside the service say so, rightly and soon?

Over HTTP, at Trio servers with small pools, one fault after the other, several rounds. In the first round of a full dose the
loop is blocked, and the process stopped, for half a minute. While a fault lasts, `/live` and `/metrics` are asked twenty
times a second. The cause, and the line if there is one, has to be named within two seconds of the fault's begin, and still at
its end. The faults are in three lanes, each at a server of its own, because most of them only wait; those that compute are in
one lane, so that they do not take the CPU from each other.

Then a page is open (its events are read) while the loop is blocked again and again by requests for /sync-hash, and while the
native pool is full: how long is the longest gap between two events, and how soon do they show the stall's line and the mark?

The control asks the server's own `/health` instead, which the loop answers.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter

import trio

from ...load.client import fetch
from ...measure.percentile import percentile
from ...records.codec import decode
from ...records.figures import Figures, check
from ...records.live import LiveState, LiveView
from ...stage.stage import Stage
from ...stage.until import wait_until
from ..model import Drill
from ..open_page import OpenPage
from ..server import FaultyServer, faulty_server

_LIMIT = 2.0  # seconds until the cause is named
_LONG = 30.0  # seconds
_PERIOD = 0.05  # seconds between two questions
_LONGER = 1.5  # × the time asked for: a C call's length is estimated, and it must not end before its round
_SIZE = 2  # of each pool
_CALLERS = 8
_FLAGS = (
    "--live",
    *(word for pool in ("threads", "default-threads", "connections") for word in (f"--{pool}", str(_SIZE))),
)

Begin = Callable[[FaultyServer, float], Awaitable[None]]


async def _block(server: FaultyServer, seconds: float, *, number: int, longer: float = 1.0) -> None:
    seconds *= longer
    await server.fetch(f"/fault/block?id={number}&ms={seconds * 1e3:.0f}", timeout=10 * seconds + 60)


async def _crowd(server: FaultyServer, seconds: float, *, path: str) -> None:
    """Callers that leave at the end."""
    async with trio.open_nursery() as nursery:
        for _ in range(_CALLERS):
            nursery.start_soon(_call, server, f"{path}ms={seconds * 1e3:.0f}", seconds)


async def _call(server: FaultyServer, path: str, seconds: float) -> None:
    with suppress(trio.TooSlowError):
        await server.fetch(path, timeout=seconds)


async def _stop(server: FaultyServer, seconds: float) -> None:
    process = server.child.process
    process.send_signal(signal.SIGSTOP)
    try:
        await trio.sleep(seconds)
    finally:
        process.send_signal(signal.SIGCONT)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """``line`` is what the place has to end with; faults that are ``long`` take half a minute in the first round."""

    begin: Begin
    cause: str
    state: str = "passing"
    line: str | None = None
    long: bool = False

    def named_by(self, state: LiveState) -> bool:
        placed = self.line is None or (state.where or "").endswith(self.line)
        return (state.state, state.cause) == (self.state, self.cause) and placed


_FAULTS = {
    "python": _Fault(
        begin=partial(_block, number=0),
        cause="python",
        state="blocked",
        line="in compute_here",
        long=True,
    ),
    "c_call": _Fault(
        begin=partial(_block, number=1, longer=_LONGER),
        cause="c call",
        state="blocked",
        line="in sum_here",
        long=True,
    ),
    "stopped": _Fault(begin=_stop, cause="not running", state="stopped", long=True),
    "native_pool": _Fault(begin=partial(_crowd, path="/wait?"), cause="native pool full"),
    "worker_pool": _Fault(begin=partial(_crowd, path="/fault/wait?"), cause="worker pool full"),
    "limiter": _Fault(begin=partial(_crowd, path="/wait?pool=default&"), cause="default limiter full"),
    "database": _Fault(begin=partial(_crowd, path="/db?"), cause="database pool full"),
    "downstream": _Fault(begin=partial(_crowd, path="/fault/call-out?"), cause="downstream slow"),
}
_LANES = (("python", "c_call"), ("stopped", "native_pool", "database"), ("worker_pool", "limiter", "downstream"))
_SECONDS = 2.4
_OPEN = 4.0  # seconds of each load while the page is open
_ROUNDS = "200000"  # of a hash: it blocks the loop for more than a stall's budget
_IN_LOOP = ("python", "c_call", "stopped")


@dataclass(slots=True)
class _Asked:
    """The latencies of all replies in seconds, and of each fault how often it was named in time, of how often."""

    latencies: list[float] = field(default_factory=list)
    rounds: dict[str, int] = field(default_factory=dict)
    named: dict[str, int] = field(default_factory=dict)
    slowest: float = 0.0

    def keep(self, name: str, after: float, *, still: bool) -> None:
        self.rounds[name] = self.rounds.get(name, 0) + 1
        self.named[name] = self.named.get(name, 0) + (after <= _LIMIT and still)
        self.slowest = max(self.slowest, min(after, 10 * _LIMIT))

    def figures(self) -> dict[str, float | None]:
        shares = {f"named_{name}": self.named[name] / rounds for name, rounds in self.rounds.items()}
        p99 = percentile(self.latencies, 0.99) if self.latencies else None
        return {"rounds": max(self.rounds.values()), **shares, "slowest_s": self.slowest, "answer_p99_s": p99}


async def _told(asked: _Asked, live: str) -> LiveState:
    """What `/live` says now; `/metrics` is asked beside it."""
    reply = await fetch(f"{live}/live", timeout=5)
    metrics = await fetch(f"{live}/metrics", timeout=5)
    asked.latencies += [reply.latency, metrics.latency]
    return decode(LiveState, reply.body)


async def _round(server: FaultyServer, asked: _Asked, name: str, seconds: float) -> None:
    fault, live = _FAULTS[name], server.live
    assert live is not None
    after, still, began = math.inf, False, perf_counter()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fault.begin, server, seconds)
        while (now := perf_counter()) < began + seconds - 0.3:
            still = fault.named_by(await _told(asked, live))
            if still:
                after = min(after, perf_counter() - began)
            await trio.sleep(max(0.0, now + _PERIOD - perf_counter()))
    asked.keep(name, after, still=still)

    async def over() -> bool:
        state = await _told(asked, live)
        return state.state == "passing" and state.held_up_by is None

    await wait_until(over, limit=20)


async def _lane(stage: Stage, asked: _Asked, names: Sequence[str]) -> dict[str, float | None]:
    """What the server was left with."""
    async with faulty_server(*_FLAGS, workers=_SIZE) as server:
        await fetch(f"{server.live}/view", timeout=60)  # how long a side process takes to start is not the question
        for number in range(stage.count(20, quick=2)):
            for name in names:
                long = _FAULTS[name].long and number == 0 and not stage.quick and stage.dose >= 1
                await _round(server, asked, name, _LONG if long else _SECONDS)
        return await server.aftermath()


def _shows_line(view: LiveView) -> bool:
    """As a stall that is over, or as the place of the pass that goes on."""
    stalls = view.figures.last_stalls if view.figures else ()
    return "work.py:" in (view.state.where or "") or any("work.py" in (stall.filename or "") for stall in stalls)


async def _dashboard(stage: Stage) -> dict[str, float | None]:
    """A new server, so that no earlier stall is shown."""
    page = OpenPage()
    async with stage.server(*_FLAGS) as server, trio.open_nursery() as nursery:
        assert server.live is not None
        nursery.start_soon(page.read, server.live)
        await wait_until(lambda: bool(page.events), limit=20)
        blocked = perf_counter()
        await stage.load(f"{server.url}/sync-hash?rounds={_ROUNDS}", connections=_CALLERS, duration=_OPEN)
        gap = page.longest_gap(blocked, perf_counter())
        await server.health()  # the loop passes again
        full = perf_counter()
        await stage.load(f"{server.url}/wait?ms=300", connections=_CALLERS, duration=_OPEN)
        nursery.cancel_scope.cancel()
    return {
        "update_gap_s": gap,
        "line_shown_s": page.shown_after(blocked, _shows_line),
        "first_marked_s": page.shown_after(full, lambda view: view.state.held_up_by == "native_pool"),
    }


async def _inject(stage: Stage) -> Figures:
    asked, left = _Asked(), list[dict[str, float | None]]()

    async def lane(names: Sequence[str]) -> None:
        left.append(await _lane(stage, asked, names))

    async with trio.open_nursery() as nursery:
        for names in _LANES:
            nursery.start_soon(lane, names)
    return {
        **asked.figures(),
        **await _dashboard(stage),
        **{name: _worst(one[name] for one in left) for name in left[0]},
    }


def _worst(values: Iterable[float | None]) -> float | None:
    """None if one of them is not known."""
    found = list(values)
    known = [value for value in found if value is not None]
    return max(known) if len(known) == len(found) else None


async def _control(stage: Stage) -> Figures:
    asked = _Asked()
    async with faulty_server("--threads", str(_SIZE), workers=_SIZE) as server:
        for name in _IN_LOOP:
            began, answered = perf_counter(), False
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_FAULTS[name].begin, server, _SECONDS)
                await trio.sleep(0.2)  # the fault has begun
                with suppress(OSError, trio.TooSlowError):
                    asked.latencies.append((await server.fetch("/health", timeout=_LIMIT)).latency)
                    answered = True
                asked.keep(name, perf_counter() - began if answered else math.inf, still=answered)
    return asked.figures()


_SHOWN = ("update_gap_s", "line_shown_s", "first_marked_s")
DRILL = Drill(
    name="live",
    number=29,
    gate=False,
    question="The loop is blocked, the process stopped, or a pool full: is that named from beside, with the line, within 2 s?",
    figures=("rounds", *(f"named_{name}" for name in _FAULTS), "slowest_s", "answer_p99_s", *_SHOWN),
    checks=(
        *(check(f"named in time: {name.replace('_', ' ')}", f"named_{name}", ">=", 0.95) for name in _FAULTS),
        check("answers of /live and /metrics, p99", "answer_p99_s", "<=", 0.05, "s"),
        check("longest gap between two events while the loop is blocked", "update_gap_s", "<=", 1.0, "s"),
        check("the stall's line is on the page", "line_shown_s", "<=", 2.0, "s"),
        check("the queue that fills first is marked", "first_marked_s", "<=", 3.0, "s"),
    ),
    inject=_inject,
    control=_control,
    twin="/health of the loop itself",
)
