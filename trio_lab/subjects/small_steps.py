"""A loop that is crowded by small steps: ``python -m trio_lab.subjects.small_steps TASKS STEP_MS AT_ONCE``.

TASKS tasks are runnable all the time. Each computes for STEP_MS, and gives way; at most AT_ONCE of them may be under
way (0: all). The program watches itself with `observe`, and answers any HTTP request with what it saw. It prints {"url"}, and
ends with its standard input.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter
from typing import Annotated

import trio

from ..loop.observe import Watch, observe
from ..loop.stalls import NOT_RUNNING
from ..measure.histogram import Histogram
from ..measure.percentile import percentile
from ..records.codec import MS, Milliseconds, encode
from ..records.summary import Summary
from .telling import say

_END = b"\r\n\r\n"
_TOLD = 0.05  # seconds: the budget of the watch


async def _decide(step: float, steps: Histogram, limiter: trio.CapacityLimiter) -> None:
    """One of very many small decisions, again and again."""
    while True:
        async with limiter:
            begun = perf_counter()
            while (spent := perf_counter() - begun) < step:
                pass
            steps.record(spent)
            await trio.lowlevel.checkpoint()


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What the watch saw so far: passes, stalls (passes over the budget) with their causes, and the tasks' own steps.

    ``stall_p90`` is of those that the program made itself. ``explained`` is the share of a stall that the tasks it names had,
    and ``top`` the first of them in the last stall.
    """

    passes: Annotated[Summary, MS]
    steps: Annotated[Summary, MS]
    stalls: int
    stall_p90: Milliseconds | None
    causes: dict[str, int]
    explained: float | None
    top: str | None
    blind: str | None


def _seen(watch: Watch, steps: Histogram) -> Watched:
    stalls = watch.stalls()
    own = [stall.duration for stall in stalls if stall.cause != NOT_RUNNING]
    explained = [sum(seconds for _, seconds in stall.top) / stall.duration for stall in stalls if stall.top]
    return Watched(
        passes=watch.statistics().passes,
        steps=steps.summary(),
        stalls=len(stalls),
        stall_p90=percentile(own, 0.9) if own else None,
        causes=dict(Counter(stall.cause for stall in stalls)),
        explained=median(explained) if explained else None,
        top=stalls[-1].top[0][0] if stalls and stalls[-1].top else None,
        blind=watch.blind,
    )


async def _answer(watch: Watch, steps: Histogram, stream: trio.SocketStream) -> None:
    asked = b""
    async with stream:
        with suppress(trio.BrokenResourceError):
            while data := await stream.receive_some():
                *whole, asked = (asked + data).split(_END)
                for _ in whole:
                    body = encode(_seen(watch, steps))
                    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                    await stream.send_all(head.encode() + body)


async def main(tasks: int, step: float, at_once: int) -> None:
    steps, limiter = Histogram(), trio.CapacityLimiter(at_once or tasks)
    async with observe(budget=_TOLD, steps=True) as watch, trio.open_nursery() as nursery:
        answer = partial(_answer, watch, steps)
        listeners = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1", backlog=1024))
        for _ in range(tasks):
            nursery.start_soon(_decide, step, steps, limiter)
        say(url=f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}")
        async for _ in trio.lowlevel.FdStream(os.dup(0)):
            pass
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]), float(sys.argv[2]) / 1e3, int(sys.argv[3]))
