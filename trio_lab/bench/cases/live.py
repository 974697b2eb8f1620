"""What it costs to be seen live: requests a second with a side process and without, and with ten dashboards open; and memory
while they stay open.

Each turn has a server of its own, because a side process that waits for its turn uses CPU time as well. The dashboards read
what a browser would, but draw nothing: a browser is somewhere else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median

import trio

from ...diagnose.ratios import ratios
from ...load.client import fetch
from ...load.target import Target
from ...measure.process import children, cpu_seconds, resident_bytes
from ...records.benchmark import Goal
from ...stage.server import Server
from ...stage.stage import Stage
from ...stage.turns import Contestant
from ...stage.until import wait_until
from ..model import Benchmark, Measured

_CONNECTIONS, _DASHBOARDS = 8, 10
_PATH = "/health?reset=0"  # the cheapest request: a loop that answers nothing else feels most of what is done beside it
_PARTS = ("/", "/style.css", "/page.js", "/history")
_TEN = "ten dashboards"
_READY = 20.0  # seconds
_WARM = 0.5  # seconds of load before a turn counts
_SETTLED = 0.2  # of the time that the dashboards are open: what is then in memory is compared with the end


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """Requests a second; CPU seconds for each, of the server's own process; and cores that its side process used."""

    rate: float
    cpu: float
    beside: float


@asynccontextmanager
async def _dashboards(live: str | None, count: int) -> AsyncIterator[Callable[[], int]]:
    """So many open pages, for the length of the block. What is yielded says how many events the slowest has had."""
    events = [0] * count
    async with trio.open_nursery() as nursery:
        for number in range(count):
            assert live is not None
            nursery.start_soon(_dashboard, live, events, number)
        yield lambda: min(events, default=0)
        nursery.cancel_scope.cancel()


async def _dashboard(live: str, events: list[int], number: int) -> None:
    for part in _PARTS:
        await fetch(live + part, timeout=_READY)
    target = Target.parse(live)
    async with await trio.open_tcp_stream(target.host, target.port) as stream:
        await stream.send_all(f"GET /events HTTP/1.1\r\nHost: {target.authority}\r\n\r\n".encode())
        async for data in stream:
            events[number] += data.count(b"\ndata: ") + data.startswith(b"data: ")
    raise RuntimeError("the side process has closed an open page")


async def _until_seen(server: Server, seen: Callable[[], int], dashboards: int) -> None:
    """Return when the side process answers and each page has had an event: their starts are not measured."""

    async def answers() -> bool:
        assert server.live is not None
        return (await fetch(f"{server.live}/live", timeout=_READY)).status == 200

    async def shown() -> bool:
        return not dashboards or seen() > 0

    if server.live is not None:
        await wait_until(answers, limit=_READY)
        await wait_until(shown, limit=_READY)


async def _turn(stage: Stage, seconds: float, *flags: str, dashboards: int = 0) -> _Turn:
    async with stage.server(*flags) as server, _dashboards(server.live, dashboards) as seen:
        await _until_seen(server, seen, dashboards)
        load = partial(stage.load, server.url + _PATH, connections=_CONNECTIONS)
        await load(duration=_WARM)
        own, beside = cpu_seconds(server.pid) or 0.0, _beside(server)
        found = (await load(duration=seconds)).require_ok()
        used = (cpu_seconds(server.pid) or 0.0) - own
        return _Turn(rate=found.throughput, cpu=used / found.requests.ok, beside=(_beside(server) - beside) / seconds)


def _side_processes(server: Server) -> set[int]:
    return set(children(server.pid)) - set(server.workers())


def _beside(server: Server) -> float:
    """CPU seconds of the side process."""
    return sum(cpu_seconds(pid) or 0.0 for pid in _side_processes(server))


async def _memory(stage: Stage, seconds: float) -> dict[str, float]:
    """Bytes at the end of so many seconds with ten dashboards under load ÷ after a fifth of them."""
    async with stage.server("--live") as server, _dashboards(server.live, _DASHBOARDS) as seen:
        await _until_seen(server, seen, _DASHBOARDS)
        [side] = _side_processes(server)
        processes = {"memory of the server": server.pid, "memory of the side process": side}
        load = partial(stage.load, server.url + _PATH, connections=_CONNECTIONS)
        await load(duration=_SETTLED * seconds)
        before = {name: resident_bytes(pid) or 1 for name, pid in processes.items()}
        events = seen()
        await load(duration=(1 - _SETTLED) * seconds)
        if seen() == events:
            raise RuntimeError("an open page has had no more events")
        return {name: (resident_bytes(pid) or 0) / before[name] for name, pid in processes.items()}


async def _run(stage: Stage) -> Measured:
    seconds = stage.seconds(5, quick=1.5)
    contestants: dict[str, Contestant[_Turn]] = {
        "off": partial(_turn, stage, seconds),
        "on": partial(_turn, stage, seconds, "--live"),
        _TEN: partial(_turn, stage, seconds, "--live", dashboards=_DASHBOARDS),
    }
    turns = await stage.in_turn(contestants, stage.rounds(9, quick=3))
    stage.say(f"      {_TEN} stay open")
    grown = await _memory(stage, stage.seconds(600, quick=15))
    found: dict[str, list[float]] = {name: [ratio] for name, ratio in grown.items()}
    for name, (ours, theirs) in _PAIRS.items():
        found[name] = ratios([turn.rate for turn in turns[ours]], [turn.rate for turn in turns[theirs]])
        found[f"{name}, by CPU time"] = ratios([turn.cpu for turn in turns[theirs]], [turn.cpu for turn in turns[ours]])
    figures: dict[str, float | None] = {}
    for name, told in turns.items():
        figures[f"{name}, requests/s"] = round(median(turn.rate for turn in told))
        figures[f"{name}, CPU µs a request"] = round(1e6 * median(turn.cpu for turn in told), 1)
        figures[f"{name}, % of a core beside"] = round(100 * median(turn.beside for turn in told), 2)
    return Measured(ratios=found, figures=figures)


_PAIRS = {"on ÷ off": ("on", "off"), f"{_TEN} ÷ none": (_TEN, "on")}
_GOALS = {
    **{f"{name}{by}": Goal(relation=">=", bound=0.98) for name in _PAIRS for by in ("", ", by CPU time")},
    **{f"memory of the {one}": Goal(relation="<=", bound=1.02) for one in ("server", "side process")},
}

BENCHMARK = Benchmark(
    name="live",
    order=25,
    question="How many requests a second does it cost to be seen live, and with ten dashboards open, and does memory grow?",
    peers=(),
    ratios=tuple(_GOALS),
    goals=_GOALS,
    run=_run,
)
