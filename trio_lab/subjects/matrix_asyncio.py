"""Which awaits let others run, and which let a cancel in, on asyncio: ``python -m trio_lab.subjects.matrix_asyncio``.

Each await is repeated for a quarter of a second, twice: beside a heartbeat of 10 ms, whose beats are counted, and with
a `Task.cancel` after 50 ms, which either ends it early or does not. ``--json`` for one object, ``--ms N`` for another
length.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..http.contract import STORMS
from .answers import Matrix
from .matrices import Storm, asked
from .spell import Spell
from .telling import columns, number, tell, tied

_BEAT = 0.01
_CANCEL_AFTER = 0.05
_TASKS = 500

Tick = Callable[[], Awaitable[object]]


def repeated(ready: Callable[[], Tick]) -> Storm:
    """The storm of one await, again and again. ``ready`` makes the tick, in a running loop."""

    async def storm(seconds: float) -> None:
        tick = ready()
        spell = Spell(seconds)
        while not spell.over():
            await tick()

    return storm


def plain(tick: Tick) -> Storm:
    return repeated(lambda: tick)


async def never_suspends() -> None:
    pass


async def chain_of_callbacks(seconds: float) -> None:
    """Each callback asks for the next; a cancel ends the await of the chain, and the chain with it."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    spell = Spell(seconds)

    def tick() -> None:
        if over.done():
            return
        if spell.over():
            over.set_result(None)
        else:
            loop.call_soon(tick)

    tick()
    await over


async def many_tasks(seconds: float) -> None:
    spell = Spell(seconds)

    async def run() -> None:
        while not spell.over():  # noqa: ASYNC110  (the turns are the point, nothing is waited for)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for _ in range(_TASKS):
            group.create_task(run())


async def _sleep_nothing() -> None:
    await asyncio.sleep(0)


def _done() -> asyncio.Future[None]:
    done = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done


def _done_future() -> Tick:
    done = _done()

    async def tick() -> None:
        await done

    return tick


def _queue_with_item() -> Tick:
    queue: asyncio.Queue[None] = asyncio.Queue()

    async def tick() -> None:
        queue.put_nowait(None)
        await queue.get()

    return tick


def _free_lock() -> Tick:
    lock = asyncio.Lock()

    async def tick() -> None:
        async with lock:
            pass

    return tick


def _event_set() -> Tick:
    event = asyncio.Event()
    event.set()
    return event.wait


def _timeout_around_done() -> Tick:
    done = _done()

    async def tick() -> None:
        async with asyncio.timeout(60):
            await done

    return tick


def _wait_for_done() -> Tick:
    done = _done()

    async def tick() -> None:
        await asyncio.wait_for(done, 60)

    return tick


STORMS_HERE: dict[str, Storm] = {
    "none": plain(never_suspends),
    "queue_get": repeated(_queue_with_item),
    "done_future": repeated(_done_future),
    "call_soon": chain_of_callbacks,
    "sleep0": plain(_sleep_nothing),
    "batch": many_tasks,
}
COMMON: dict[str, Storm] = {
    "acquire of a free Lock": repeated(_free_lock),
    "Event.wait, set": repeated(_event_set),
    "timeout around a done future": repeated(_timeout_around_done),
    # Python 3.11 takes the loop's turns here, 3.12 and later do not: it is shown, and nothing is expected of it.
    "wait_for of a done future": repeated(_wait_for_done),
}


async def beats_beside(storm: Storm, seconds: float) -> int:
    """How often a heartbeat beat between the storm's first step and its last."""
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(_BEAT)
            beats += 1

    heart = asyncio.create_task(beat())
    try:
        await storm(seconds)
        return beats
    finally:
        heart.cancel()


async def ends_when_cancelled(storm: Storm, seconds: float) -> bool:
    task = asyncio.ensure_future(storm(seconds))
    cancel = asyncio.get_running_loop().call_later(_CANCEL_AFTER, task.cancel)
    await asyncio.wait([task])
    cancel.cancel()
    return task.cancelled()


async def matrix(seconds: float) -> Matrix:
    storms = {mode: STORMS_HERE[mode] for mode in STORMS["asyncio"]} | COMMON
    return await asked("asyncio", storms, seconds, beats_beside=beats_beside, ends_when_cancelled=ends_when_cancelled)


if __name__ == "__main__":
    tied()
    found = asyncio.run(matrix(number("--ms", 250) / 1e3))
    tell(found, columns(found.rows))
