"""An HTTP server that can be watched in several ways: ``python -m trio_lab.bench.peers.watched_server LAYER LOOP``.

LAYER is one of `subjects.stack`: ``sockets`` is a plain server, ``quart`` a Quart app on hypercorn. LOOP is trio, asyncio or
uvloop.

It prints ``{"url": …}``. Each line on its standard input is a way to be watched, or ``used``, which changes nothing; it answers
``{"cpu_s": …}``, the CPU time that the process has used by then, when the change is made. It ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from functools import partial
from importlib import import_module

import trio

from ...loop.asyncio_eyes import AsyncioEyes
from ...loop.observe import observe
from ...loop.trio_eyes import TrioEyes
from ...subjects.stack import on_asyncio, on_trio
from ...subjects.stack.reply import listening
from ...subjects.telling import say


@asynccontextmanager
async def measured(*, steps: bool) -> AsyncIterator[None]:
    """The hooks alone, without a watchdog."""
    eyes = TrioEyes() if trio.lowlevel.in_trio_run() else AsyncioEyes()
    eyes.passes.install()
    eyes.measure_steps(steps)
    try:
        yield
    finally:
        eyes.measure_steps(False)
        eyes.passes.remove()


WAYS: dict[str, Callable[[], AbstractAsyncContextManager[object]]] = {
    "off": nullcontext,
    "passes": partial(measured, steps=False),
    "passes and steps": partial(measured, steps=True),
    "the whole watch": observe,
}


async def _change(ways: AsyncExitStack, way: str) -> None:
    if way != "used":
        await ways.aclose()
        await ways.enter_async_context(WAYS[way]())
    say(cpu_s=time.process_time())


async def on_trio_until_told(layer: str) -> None:
    with listening() as listener:
        async with trio.open_nursery() as nursery, AsyncExitStack() as ways:
            nursery.start_soon(on_trio.LAYERS[layer], listener)
            say(url=f"http://127.0.0.1:{listener.getsockname()[1]}/")
            async for said in trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())):
                await _change(ways, said.decode().strip())
            nursery.cancel_scope.cancel()


async def on_asyncio_until_told(layer: str) -> None:
    told = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(told), sys.stdin)
    with listening() as listener:
        async with AsyncExitStack() as ways:
            serving = asyncio.create_task(on_asyncio.LAYERS[layer](listener))
            say(url=f"http://127.0.0.1:{listener.getsockname()[1]}/")
            while said := await told.readline():
                await _change(ways, said.decode().strip())
            serving.cancel()
            await asyncio.wait((serving,))  # or the listener would be closed under it


def main(layer: str, loop: str) -> None:
    if loop == "trio":
        trio.run(on_trio_until_told, layer)
        return
    factory = import_module("uvloop").new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(on_asyncio_until_told(layer))


if __name__ == "__main__":
    main(*sys.argv[1:])
