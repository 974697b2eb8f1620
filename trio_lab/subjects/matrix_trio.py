"""Which awaits let others run, and which let a cancel in, on Trio: ``python -m trio_lab.subjects.matrix_trio``.

Each await is repeated for a quarter of a second, twice: beside a heartbeat of 10 ms, whose beats are counted, and under
a deadline of 50 ms, which either ends it early or does not. ``--json`` for one object, ``--ms N`` for another length.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import trio
import trio.lowlevel

from ..http.contract import STORMS
from .answers import Matrix
from .matrices import Storm, asked
from .spell import Spell
from .telling import columns, number, tell, tied

_BEAT = 0.01
_CANCEL_AFTER = 0.05
_LOT = 2_000  # callbacks queued at once; others run between two lots only
_TASKS = 500

Tick = Callable[[], Awaitable[object]]


def repeated(ready: Callable[[], AbstractAsyncContextManager[Tick]]) -> Storm:
    """The storm of one await, again and again."""

    async def storm(seconds: float) -> None:
        async with ready() as tick:
            spell = Spell(seconds)
            while not spell.over():
                await tick()

    return storm


def plain(tick: Tick) -> Storm:
    @asynccontextmanager
    async def ready() -> AsyncGenerator[Tick, None]:
        yield tick

    return repeated(ready)


async def never_suspends() -> None:
    pass


async def lots_of_callbacks(seconds: float) -> None:
    token = trio.lowlevel.current_trio_token()
    spell = Spell(seconds)
    while not spell.over():
        done = trio.Event()
        for _ in range(_LOT):
            token.run_sync_soon(_nothing)
        token.run_sync_soon(done.set)
        await done.wait()


def _nothing() -> None:
    pass


async def many_tasks(seconds: float) -> None:
    spell = Spell(seconds)

    async def run() -> None:
        while not spell.over():
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        for _ in range(_TASKS):
            nursery.start_soon(run)


async def _sleep_nothing() -> None:
    await trio.lowlevel.checkpoint()


@asynccontextmanager
async def _event_set() -> AsyncGenerator[Tick, None]:
    event = trio.Event()
    event.set()
    yield event.wait


@asynccontextmanager
async def _channel_with_item() -> AsyncGenerator[Tick, None]:
    send, receive = trio.open_memory_channel[None](1)

    async def tick() -> None:
        if not receive.statistics().current_buffer_used:
            send.send_nowait(None)
        await receive.receive()

    async with send, receive:
        yield tick


@asynccontextmanager
async def _free_lock() -> AsyncGenerator[Tick, None]:
    lock = trio.Lock()

    async def tick() -> None:
        async with lock:
            pass

    yield tick


async def _thread() -> None:
    await trio.to_thread.run_sync(_nothing)


STORMS_HERE: dict[str, Storm] = {
    "none": plain(never_suspends),
    "if_cancelled": plain(trio.lowlevel.checkpoint_if_cancelled),
    "shielded": plain(trio.lowlevel.cancel_shielded_checkpoint),
    "checkpoint": plain(trio.lowlevel.checkpoint),
    "run_sync_soon": lots_of_callbacks,
    "batch": many_tasks,
}
COMMON: dict[str, Storm] = {
    "sleep(0)": plain(_sleep_nothing),
    "Event.wait, set": repeated(_event_set),
    "receive from a channel with an item": repeated(_channel_with_item),
    "acquire of a free Lock": repeated(_free_lock),
    "to_thread.run_sync": plain(_thread),
}


async def beats_beside(storm: Storm, seconds: float) -> int:
    """How often a heartbeat beat between the storm's first step and its last."""
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await trio.sleep(_BEAT)
            beats += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(beat)
        await storm(seconds)
        nursery.cancel_scope.cancel()
        return beats  # before any other task has another step
    raise AssertionError("unreachable: a nursery lets nothing pass that was not raised in it")


async def ends_when_cancelled(storm: Storm, seconds: float) -> bool:
    with trio.move_on_after(_CANCEL_AFTER) as scope:
        await storm(seconds)
    return scope.cancelled_caught


async def matrix(seconds: float) -> Matrix:
    storms = {mode: STORMS_HERE[mode] for mode in STORMS["trio"]} | COMMON
    return await asked("trio", storms, seconds, beats_beside=beats_beside, ends_when_cancelled=ends_when_cancelled)


if __name__ == "__main__":
    tied()
    found = trio.run(matrix, number("--ms", 250) / 1e3)
    tell(found, columns(found.rows))
