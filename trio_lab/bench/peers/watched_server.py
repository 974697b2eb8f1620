"""A Trio HTTP server that can be watched in several ways: ``python -m trio_lab.bench.peers.watched_server LAYER``.

LAYER is one of `subjects.stack`: ``sockets`` is a plain Trio server, ``quart`` a Quart app on hypercorn.

It prints ``{"url": …}``. Each line on its standard input is a way to be watched; it answers ``{"cpu_s": …}``, the CPU
time that the process has used by then, when the change is made. It ends when its standard input does.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext

import trio

from ...loop.observe import observe
from ...loop.passes import open_pass_monitor
from ...loop.steps import StepMonitor
from ...subjects.stack.on_trio import LAYERS
from ...subjects.stack.reply import listening
from ...subjects.telling import say


@asynccontextmanager
async def passes_and_steps() -> AsyncIterator[None]:
    steps = StepMonitor()
    async with open_pass_monitor():
        trio.lowlevel.add_instrument(steps)
        try:
            yield
        finally:
            trio.lowlevel.remove_instrument(steps)


WAYS: dict[str, Callable[[], AbstractAsyncContextManager[object]]] = {
    "off": nullcontext,
    "passes": open_pass_monitor,
    "passes and steps": passes_and_steps,
    "the whole watch": observe,
}


async def main(layer: str) -> None:
    with listening() as listener:
        async with trio.open_nursery() as nursery, AsyncExitStack() as ways:
            nursery.start_soon(LAYERS[layer], listener)
            say(url=f"http://127.0.0.1:{listener.getsockname()[1]}/")
            async for said in trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())):
                await ways.aclose()
                await ways.enter_async_context(WAYS[said.decode().strip()]())
                say(cpu_s=time.process_time())
            nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
