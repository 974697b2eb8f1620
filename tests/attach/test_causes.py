"""End to end: causes on asyncio that are no single line, in a program that knows nothing of trio_lab."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

import pytest
import trio

from trio_lab.loop.stalls import BUSY_WAIT, ENTRY_QUEUE, SMALL_STEPS
from trio_lab.stage.views import open_views

PROGRAM = Path(__file__).parent / "programs" / "small_things.py"


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_small_steps_a_flood_and_a_busy_wait_are_told_apart(loop: str) -> None:
    """The program goes on until all three were told: on a busy machine a pass may be found to have had no CPU."""
    wanted = {SMALL_STEPS: "small_step", ENTRY_QUEUE: "", BUSY_WAIT: "main"}
    async with open_views(budget=0.02) as views, trio.open_nursery() as nursery:
        command = [sys.executable, str(PROGRAM), loop]
        environment = views.environment(dict(os.environ))
        nursery.start_soon(partial(trio.run_process, command, env=environment))
        await views.changed.wait()
        [view] = views.all
        while not wanted.keys() <= {stall.cause for stall in view.stalls}:
            await view.ask()
            await trio.sleep(0.1)
        nursery.cancel_scope.cancel()
    for cause, task in wanted.items():
        told = [stall.task_name or stall.top[0][0] for stall in view.stalls if stall.cause == cause]
        assert any(task in name for name in told), (cause, told)
