"""A program that blocks its loop again and again, and ends with the exit code of its argument after some seconds."""

from __future__ import annotations

import sys
import time

import trio


async def main(seconds: float) -> None:
    print("begun", flush=True)
    with trio.move_on_after(seconds):
        while True:
            time.sleep(0.05)  # noqa: ASYNC251  (on purpose)
            await trio.sleep(0.05)


trio.run(main, float(sys.argv[1]))
sys.exit(int(sys.argv[2]))
