"""An asyncio program that blocks its loop when it is asked to:
``python -m trio_lab.subjects.blocked FORM LOOP BUDGET_MS BLOCKS``.

FORM is what it is made of, a module ``blocked_FORM``: `fastapi` an app on uvicorn, `streams` a plain `asyncio.start_server`,
`protocol` a Protocol that works in `data_received`. LOOP is `asyncio` or `uvloop`. With a budget of 0 a task that measures how
late it wakes is in the place of the watch.

Over HTTP: ``/block/next`` makes the next of so many BLOCKS, all of which were planned when it started; ``/done`` tells from
when to when each lasted, ``/told`` what the watch has seen, ``/tasks`` how many tasks there are, anything else nothing. Signals
(SIGUSR1) are handled. It prints ``{"url": …}``, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from random import Random

from trio_lab import Stall, observe
from trio_lab.records.codec import encode
from trio_lab.subjects.planted import Block, planned
from trio_lab.subjects.telling import end_with_input, say

FORMS = ("fastapi", "streams", "protocol")
LOOPS = ("asyncio", "uvloop")
Answer = Callable[[str], bytes]
"""The body of the reply to a path."""
Told = Callable[[], list[Stall]]
Watching = Callable[[], AbstractAsyncContextManager[Told]]
_LATE_EVERY = 1.0  # seconds


@asynccontextmanager
async def watched(budget: float) -> AsyncIterator[Told]:
    """By the watch of the lab."""
    async with observe(budget=budget) as watch:
        yield watch.stalls


@asynccontextmanager
async def asked_how_late(budget: float) -> AsyncIterator[Told]:
    """By a task that sleeps for a second and looks how late it is."""
    told: list[Stall] = []

    async def look() -> None:
        while True:
            due = time.perf_counter() + _LATE_EVERY
            await asyncio.sleep(_LATE_EVERY)
            if (late := time.perf_counter() - due) >= budget:
                told.append(Stall(duration=late, cause="late", began=due))

    looking = asyncio.create_task(look())
    yield lambda: list(told)
    looking.cancel()


class Plants:
    """The planned blocks, to be made one after the other; ``done`` are those that are over."""

    def __init__(self, blocks: int) -> None:
        self.done: list[Block] = []
        self._plan = planned(blocks, Random(blocks))
        # The plan stays as it is: to free a million numbers takes milliseconds, and would come after the block had ended.
        self._next = iter(self._plan)
        gc.freeze()  # a garbage collection of what was made for this would be a block that was not planted

    def make(self, name: str) -> None:
        """Block now, or soon. Here every name means the next one."""
        self.done.append(next(self._next)())


def _answering(plants: Plants, told: Told) -> Answer:
    def answer(path: str) -> bytes:
        what, *words = path.strip("/").split("/")
        if what == "block":
            plants.make(words[0])
        if what == "done":
            return encode(plants.done, list[Block])
        if what == "told":
            return encode(told(), list[Stall])
        return b"%d" % (len(asyncio.all_tasks()) if what == "tasks" else 0)

    return answer


async def serve(form: str, watching: Watching, plants: Plants) -> None:
    """Until the process ends."""
    serve_form = import_module(f"{__package__ or 'trio_lab.subjects'}.blocked_{form}").serve
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, int)
    # asyncio sends small replies at once only on a socket that was made with this protocol number.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        listener.setblocking(False)
        async with watching() as told:
            say(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
            await serve_form(listener, _answering(plants, told))


def run(form: str, loop: str, watching: Watching, plants: Plants, *, debug: bool = False) -> None:
    factory = import_module("uvloop").new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory, debug=debug) as runner:
        runner.run(serve(form, watching, plants))


def main(form: str, loop: str, budget_ms: str, blocks: str) -> None:
    budget = float(budget_ms) / 1e3
    run(form, loop, lambda: watched(budget) if budget else asked_how_late(0.02), Plants(int(blocks)))


if __name__ == "__main__":
    end_with_input()
    main(*sys.argv[1:])
