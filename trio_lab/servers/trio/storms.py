"""`/tick-storm`: the same number of ticks, offered to Trio's scheduler in six ways.

Trio has no microtasks. The counterpart of a recursive `nextTick` is a task that keeps awaiting something that never lets
another task run. Whether an await lets other tasks run and whether it can be cancelled are two different questions:

=============  ==============  ============  =====================================================================
mode           lets others run  cancellable  what it is
=============  ==============  ============  =====================================================================
none           no              no            awaiting a coroutine that never suspends
if_cancelled   no              in theory     `checkpoint_if_cancelled`: but no deadline can pass while it runs on
shielded       yes             no            `cancel_shielded_checkpoint`
checkpoint     yes             yes           `checkpoint`, what every operation of Trio's own does
run_sync_soon  after each lot  between lots  callbacks in Trio's entry queue: all that are queued run in one step
batch          each tick       yes           many tasks that are runnable at once: no step is long, the pass is
=============  ==============  ============  =====================================================================
"""

from __future__ import annotations

from time import perf_counter

import trio

from ...work import nothing
from ..ticks import LongestPass, Tick, no_suspension, repeat, shares
from .longest_step import LongestStep

_LOT = 100_000  # callbacks queued at once: bounds memory, and one step is still far too long


async def storm(mode: str, count: int) -> float:
    """Run ``count`` ticks; returns the longest uninterrupted step in seconds."""
    if mode == "run_sync_soon":
        return await _callbacks(count)
    if mode == "batch":
        return await _batch(count)
    with LongestStep() as step:
        await repeat(_TICKS[mode], count)
    return step.seconds


_TICKS: dict[str, Tick] = {
    "none": no_suspension,
    "if_cancelled": trio.lowlevel.checkpoint_if_cancelled,
    "shielded": trio.lowlevel.cancel_shielded_checkpoint,
    "checkpoint": trio.lowlevel.checkpoint,
}


async def _callbacks(count: int) -> float:
    token = trio.lowlevel.current_trio_token()
    longest = 0.0
    while count > 0:
        lot, count = min(count, _LOT), count - _LOT
        longest = max(longest, await _one_lot(token, lot))
    return longest


async def _one_lot(token: trio.lowlevel.TrioToken, lot: int) -> float:
    """Queue so many callbacks and wait until they ran. The longer of two steps: the one that queues, the one that runs them."""
    ran_from = ran_for = 0.0
    done = trio.Event()

    def first() -> None:
        nonlocal ran_from
        ran_from = perf_counter()

    def last() -> None:
        nonlocal ran_for
        ran_for = perf_counter() - ran_from
        done.set()

    queued_from = perf_counter()
    token.run_sync_soon(first)
    for _ in range(lot):
        token.run_sync_soon(nothing)
    token.run_sync_soon(last)
    queued_for = perf_counter() - queued_from
    await done.wait()
    return max(queued_for, ran_for)


async def _batch(count: int) -> float:
    longest = LongestPass()
    async with trio.open_nursery() as watching:
        watching.start_soon(longest.watch, trio.lowlevel.checkpoint)
        async with trio.open_nursery() as running:
            for ticks in shares(count):
                running.start_soon(repeat, trio.lowlevel.checkpoint, ticks)
        watching.cancel_scope.cancel()
    return longest.seconds
