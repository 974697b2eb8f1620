"""A loop that is crowded by small steps: ``python -m trio_lab.subjects.small_steps TASKS STEP_MS AT_ONCE``.

So many tasks are runnable all the time. Each computes for STEP_MS, and gives way; at most AT_ONCE of them may be under
way (0: all). The program watches itself with `observe`, and tells any HTTP request what it saw. It prints {"url"}, and
ends with its standard input.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import trio

from ..loop.observe import Watch, observe
from ..measure.histogram import Histogram

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


def _seen(watch: Watch, steps: Histogram) -> dict[str, Any]:
    stalls, passes, step = watch.stalls(), watch.statistics().passes, steps.summary()
    causes: dict[str, int] = {}
    for stall in stalls:
        causes[stall.cause] = causes.get(stall.cause, 0) + 1
    explained = [sum(seconds for _, seconds in stall.top) / stall.duration for stall in stalls if stall.top]
    return {
        "pass_p50_ms": passes.p50 * 1e3,
        "pass_p99_ms": passes.p99 * 1e3,
        "stall_p50_ms": median(stall.duration for stall in stalls) * 1e3 if stalls else None,
        "step_p50_ms": step.p50 * 1e3,
        "step_p99_ms": step.p99 * 1e3,
        "steps": step.count,
        "stalls": len(stalls),
        "causes": causes,
        "explained": median(explained) if explained else None,
        "top": stalls[-1].top[0][0] if stalls and stalls[-1].top else None,
        "blind": watch.blind,
    }


async def _answer(watch: Watch, steps: Histogram, stream: trio.SocketStream) -> None:
    asked = b""
    async with stream:
        try:
            while data := await stream.receive_some():
                asked += data
                while _END in asked:
                    asked = asked.partition(_END)[2]
                    body = json.dumps(_seen(watch, steps)).encode()
                    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                    await stream.send_all(head.encode() + body)
        except trio.BrokenResourceError:
            return


async def main(tasks: int, step: float, at_once: int) -> None:
    steps, limiter = Histogram(), trio.CapacityLimiter(at_once or tasks)
    async with observe(budget=_TOLD, steps=True) as watch, trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=1024)
        nursery.start_soon(partial(trio.serve_listeners, partial(_answer, watch, steps), listeners))
        for _ in range(tasks):
            nursery.start_soon(_decide, step, steps, limiter)
        url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        print(json.dumps({"url": url}), flush=True)  # noqa: T201  (a child's answer)
        async with trio.lowlevel.FdStream(0) as said:
            while await said.receive_some():
                pass
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]), float(sys.argv[2]) / 1e3, int(sys.argv[3]))
