"""A program on asyncio, or on uvloop with that word. It keeps its loop busy in three ways, and none of them is one line."""

import asyncio
import sys
import threading
import time


async def small_step():
    await asyncio.sleep(0)
    sum(range(20_000))


async def spin():
    end = time.monotonic() + 1.2
    while time.monotonic() < end:
        await asyncio.sleep(0)


def flood(loop):
    for _ in range(500):
        loop.call_soon_threadsafe(lambda: sum(range(10_000)))


async def main():
    while True:
        await asyncio.gather(*(small_step() for _ in range(300)))
        thread = threading.Thread(target=flood, args=(asyncio.get_running_loop(),))
        thread.start()
        thread.join()
        await asyncio.sleep(0.01)
        await spin()


factory = None
if sys.argv[1:] == ["uvloop"]:
    from uvloop import new_event_loop as factory

with asyncio.Runner(loop_factory=factory) as runner:
    runner.run(main())
