"""Drill 20 on asyncio: what the watch tells of three programs that are not the lab's (`subjects.blocked`).

Each runs as a process: first with blocks, then with quiet traffic alone, then with traffic and signals.
"""

from __future__ import annotations

import sys
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from functools import partial

from ..load.client import fetch
from ..loop.stalls import Stall
from ..stage.blocked import carry_out, told, told_while_quiet, traffic
from ..stage.scoring import SHORTEST, false_alarms, scored
from ..stage.server import Server, serving
from ..subjects import blocked, planted
from ..subjects.planted import CAUSES, LINES, Block
from .aftermath import Vitals, held, remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """For each program: how many blocks, and for how many seconds it is left alone, without signals and with them."""

    blocks: int
    quiet_s: float
    signals_s: float


async def told_of_all(loop: str, dose: Dose) -> dict[str, float | None]:
    """The figures for all forms of the program together."""
    blocks: list[Block] = []
    beside: list[Stall] = []
    quiet: list[Stall] = []
    signalled: list[Stall] = []
    figures: dict[str, float | None] = {}
    for form in blocked.FORMS:
        after: dict[str, float | None] = {}
        async with _program(form, loop, SHORTEST, dose.blocks) as server:
            async with remembered(after, partial(_vitals, server)), traffic(server):
                start = len(await told(server))
                blocks += await carry_out(server, dose.blocks)
                beside += await told(server, since=start)
                quiet += await told_while_quiet(server, dose.quiet_s)
                signalled += await told_while_quiet(server, dose.signals_s, signals=True)
        figures |= {name: max(value or 0.0, figures.get(name) or 0.0) for name, value in after.items()}
    return {
        **figures,
        **asdict(scored(blocks, beside, planted.__file__, LINES, CAUSES)),
        "false_alarms_quiet": len(false_alarms(quiet)),
        "false_alarms_signals": len(false_alarms(signalled)),
        "not_running_quiet": len(quiet + signalled) - len(false_alarms(quiet + signalled)),
    }


async def told_by_a_late_task(loop: str, blocks: int) -> dict[str, float | None]:
    """The same of a task that measures how late it wakes."""
    async with _program("streams", loop, 0, blocks) as server, traffic(server):
        done = await carry_out(server, blocks)
        return asdict(scored(done, await told(server), planted.__file__, LINES, CAUSES))


def _program(form: str, loop: str, budget: float, blocks: int) -> AbstractAsyncContextManager[Server]:
    return serving([sys.executable, "-m", blocked.__name__, form, loop, f"{budget * 1e3:g}", str(blocks)])


async def _vitals(server: Server) -> Vitals:
    reply = await fetch(f"{server.url}/tasks", timeout=30)
    return held(server.pid, answer_s=reply.latency, tasks=int(reply.body))
