"""The watch on asyncio beside its peers: who tells which blocks, with which line, and at what cost.

Every watcher sees the same planned blocks in the same program, a FastAPI app on uvicorn, and then is left alone with quiet
traffic. Then come five rows, several times each, in a Protocol: a transport's callback, a reader's callback, 200 small tasks in
one pass, another thread that holds the GIL, a collection of garbage. A callback counts as named with its line, the other three
with their cause. The cost is that of requests to the app, all watchers in turn.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from functools import partial
from statistics import median

from ...diagnose.ratios import ratios
from ...loop.stalls import GC, GIL, SMALL_STEPS, Stall
from ...records.benchmark import Goal
from ...records.chart import Table
from ...stage.blocked import carry_out, told, told_while_quiet, traffic
from ...stage.scoring import Score, false_alarms, scored, teller
from ...stage.server import Server, serving
from ...stage.stage import Stage
from ...subjects import planted
from ...subjects.blocked import LOOPS
from ...subjects.planted import CAUSES, LINES, Block
from ..found import APART, PYTHON_PEERS, apart, package, standard
from ..model import Benchmark, Measured
from ..peers import watchers
from ..peers.watchers import ROW_LINES, WATCHERS

_OURS, _NONE = "trio-lab", "none"
_ROWS = {"transport": None, "reader": None, "tasks": SMALL_STEPS, "hog": GIL, "collection": GC}
"""With the cause that is right; None: the line has to be right."""
_CONNECTIONS = 4
_DEBUG = "asyncio debug"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """``quiet``: alarms in quiet traffic. ``rows``: the share of each row that was named, in per cent."""

    score: Score
    quiet: int
    rows: dict[str, float]


def _program(watcher: str, form: str, loop: str, blocks: int) -> AbstractAsyncContextManager[Server]:
    path = os.pathsep.join([str(APART), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", watchers.__name__, watcher, form, loop, str(blocks)]
    return serving(command, env={**os.environ, "PYTHONPATH": path})


async def _seen(stage: Stage, watcher: str, loop: str) -> _Found:
    blocks, form = stage.count(56, quick=16), "fastapi" if "fastapi" in stage.peers else "streams"
    async with _program(watcher, form, loop, blocks) as server, traffic(server):
        start = len(await told(server))
        done = await carry_out(server, blocks)
        score = scored(done, await told(server, since=start), planted.__file__, LINES, CAUSES)
        quiet = len(false_alarms(await told_while_quiet(server, stage.seconds(20, quick=3))))
    async with _program(watcher, "protocol", loop, 0) as server, traffic(server):
        for row in _ROWS:
            done = await carry_out(server, stage.count(5, quick=3), row)
        return _Found(score=score, quiet=quiet, rows=_named(done, await told(server)))


def _named(done: Sequence[Block], stalls: Sequence[Stall]) -> dict[str, float]:
    return {
        row: 100 * sum(_is_named(block, teller(block, stalls)) for block in of_row) / len(of_row)
        for row in _ROWS
        if (of_row := [block for block in done if block.kind == row])
    }


def _is_named(block: Block, found: Stall | None) -> bool:
    if found is None:
        return False
    if (cause := _ROWS[block.kind]) is not None:
        return found.cause == cause
    return found.filename == watchers.__file__ and found.lineno in ROW_LINES[block.kind]


async def _costs(stage: Stage, chosen: Sequence[str], loop: str) -> dict[str, list[tuple[float, float]]]:
    """Requests a second, and CPU seconds for each, in every round."""
    form, seconds = "fastapi" if "fastapi" in stage.peers else "streams", stage.seconds(2, quick=0.7)

    async def turn(server: Server) -> tuple[float, float]:
        before = server.cpu_seconds()
        found = await stage.load(f"{server.url}/nothing", connections=_CONNECTIONS, duration=seconds)
        used = server.cpu_seconds() - before
        return found.require_ok().throughput, used / found.requests.ok

    async with AsyncExitStack() as servers:
        turns = {
            name: partial(turn, await servers.enter_async_context(_program(name, form, loop, 0))) for name in chosen
        }
        return await stage.in_turn(turns, stage.rounds(7, quick=3))


async def _run(stage: Stage) -> Measured:
    chosen = [name for name in WATCHERS if name in (_NONE, _OURS, *stage.peers)]
    found: dict[str, list[float]] = {}
    figures: dict[str, float | None] = {}
    for loop in LOOPS if "uvloop" in stage.peers else LOOPS[:1]:
        seen = {}
        for name in chosen:
            if name != _NONE:
                stage.say(f"      {loop}: {name}")
                seen[name] = await _seen(stage, name, loop)
        costs = await _costs(stage, chosen, loop)
        stage.tables.append(_table(loop, seen, costs))
        for name, values in costs.items():
            figures[f"{loop}, {name}: CPU µs a request"] = round(1e6 * median(cpu for _, cpu in values), 1)
        found |= {f"{loop}: {name}": values for name, values in _ratios(seen, costs).items()}
    return Measured(ratios=found, figures=figures)


def _ratios(seen: dict[str, _Found], costs: dict[str, list[tuple[float, float]]]) -> dict[str, list[float]]:
    """Of the figures, ours to the best that a peer has; those of the cost in every round."""
    ours, found = seen[_OURS], {"rows named": [sum(seen[_OURS].rows.values()) / 100 / len(_ROWS)]}
    for name, field in (("recall", "recall_percent"), ("exact line", "line_right_percent")):
        best = max((getattr(one.score, field) or 0.0 for peer, one in seen.items() if peer != _OURS), default=0.0)
        if best:
            found[name] = [(getattr(ours.score, field) or 0.0) / best]
    for peer in (_NONE, "aiocop"):
        if peer in costs:
            found[f"CPU time ÷ {peer}"] = ratios([cpu for _, cpu in costs[_OURS]], [cpu for _, cpu in costs[peer]])
    return found


def _table(loop: str, seen: dict[str, _Found], costs: dict[str, list[tuple[float, float]]]) -> Table:
    columns = ("watcher", "told %", "line %", "cause %", "duration %", "false alarms", "CPU µs", "requests/s", *_ROWS)
    rows = []
    for name, turns in costs.items():
        one = seen.get(name)
        cost = (round(1e6 * median(cpu for _, cpu in turns), 1), round(median(rate for rate, _ in turns)))
        if one is None:
            rows.append((name, *([None] * 5), *cost, *([None] * len(_ROWS))))
            continue
        told_of = (one.score.recall_percent, one.score.line_right_percent)
        cause = one.score.cause_right_percent if name == _OURS else None
        alarms = one.score.false_alarms + one.quiet
        rows.append((name, *told_of, cause, one.score.duration_right_percent, alarms, *cost, *one.rows.values()))
    return Table(title=f"Watchers on {loop}", columns=columns, rows=tuple(rows))


_SHOWN = ("recall", "exact line", "rows named", "CPU time ÷ none", "CPU time ÷ aiocop")
BENCHMARK = Benchmark(
    name="watchers",
    order=16,
    question="Of planted blocks on asyncio and uvloop, who tells which, with which line, and at what cost: ours or its peers?",
    peers=(*map(package, ("fastapi", "uvloop")), *map(apart, PYTHON_PEERS), standard(_DEBUG)),
    ratios=tuple(f"{loop}: {shown}" for loop in LOOPS for shown in _SHOWN),
    goals={
        f"{loop}: {shown}": goal
        for loop in LOOPS
        for shown, goal in {
            "recall": Goal(relation=">=", bound=1.0),
            "exact line": Goal(relation=">=", bound=1.0),
            "rows named": Goal(relation=">=", bound=0.9),
            "CPU time ÷ aiocop": Goal(relation="<=", bound=1.0),
        }.items()
    },
    run=_run,
)
