"""Which awaits let others run, and which let a cancel in, on Trio: ``python -m trio_lab.subjects.matrix_trio``.

Each await is repeated for a quarter of a second, twice: beside a heartbeat of 10 ms, whose beats are counted, and under
a deadline of 50 ms, which either ends it early or does not. ``--json`` for one object, ``--ms N`` for another length.
"""

from __future__ import annotations

from functools import partial

import trio
import trio.lowlevel

from ..http.contract import STORMS
from ..work import nothing
from .matrices import BEAT, CANCEL_AFTER, TASKS, Storm, asked, event_set, free_lock, never_suspends, repeat
from .spell import Spell
from .telling import tied

_LOT = 2_000  # callbacks queued at once; others run between two lots only


async def lots_of_callbacks(seconds: float) -> None:
    token = trio.lowlevel.current_trio_token()
    spell = Spell(seconds)
    while not spell.over():
        done = trio.Event()
        for _ in range(_LOT):
            token.run_sync_soon(nothing)
        token.run_sync_soon(done.set)
        await done.wait()


async def many_tasks(seconds: float) -> None:
    spell = Spell(seconds)

    async def run() -> None:
        while not spell.over():
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        for _ in range(TASKS):
            nursery.start_soon(run)


async def channel_with_item(seconds: float) -> None:
    send, receive = trio.open_memory_channel[None](1)

    async def tick() -> None:
        if not receive.statistics().current_buffer_used:
            send.send_nowait(None)
        await receive.receive()

    async with send, receive:
        await repeat(tick, seconds)


STORMS_HERE: dict[str, Storm] = {
    "none": partial(repeat, never_suspends),
    "if_cancelled": partial(repeat, trio.lowlevel.checkpoint_if_cancelled),
    "shielded": partial(repeat, trio.lowlevel.cancel_shielded_checkpoint),
    "checkpoint": partial(repeat, trio.lowlevel.checkpoint),
    "run_sync_soon": lots_of_callbacks,
    "batch": many_tasks,
}
COMMON: dict[str, Storm] = {
    "sleep(0)": partial(repeat, partial(trio.sleep, 0)),
    "Event.wait, set": partial(event_set, trio.Event),
    "receive from a channel with an item": channel_with_item,
    "acquire of a free Lock": partial(free_lock, trio.Lock),
    "to_thread.run_sync": partial(repeat, partial(trio.to_thread.run_sync, nothing)),
}


async def beats_beside(storm: Storm, seconds: float) -> int:
    """How often a heartbeat beat between the storm's first step and its last."""
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await trio.sleep(BEAT)
            beats += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(beat)
        await storm(seconds)
        nursery.cancel_scope.cancel()
        return beats  # before any other task has another step
    raise AssertionError("unreachable: a nursery lets nothing pass that was not raised in it")


async def ends_when_cancelled(storm: Storm, seconds: float) -> bool:
    with trio.move_on_after(CANCEL_AFTER) as scope:
        await storm(seconds)
    return scope.cancelled_caught


async def main() -> None:
    storms = {mode: STORMS_HERE[mode] for mode in STORMS["trio"]} | COMMON
    await asked("trio", storms, beats_beside=beats_beside, ends_when_cancelled=ends_when_cancelled)


if __name__ == "__main__":
    tied()
    trio.run(main)
