"""Which awaits let others run, and which let a cancel in, on asyncio: ``python -m trio_lab.subjects.matrix_asyncio``.

Each await is repeated for a quarter of a second, twice: beside a heartbeat of 10 ms, whose beats are counted, and with
a `Task.cancel` after 50 ms, which either ends it early or does not. ``--json`` for one object, ``--ms N`` for another
length.
"""

from __future__ import annotations

import asyncio
from functools import partial

from ..http.contract import STORMS
from .matrices import BEAT, CANCEL_AFTER, TASKS, Storm, asked, event_set, free_lock, never_suspends, repeat
from .spell import Spell
from .telling import tied


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
        for _ in range(TASKS):
            group.create_task(run())


def _done() -> asyncio.Future[None]:
    done = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done


async def done_future(seconds: float) -> None:
    done = _done()

    async def tick() -> None:
        await done

    await repeat(tick, seconds)


async def queue_with_item(seconds: float) -> None:
    queue: asyncio.Queue[None] = asyncio.Queue()

    async def tick() -> None:
        queue.put_nowait(None)
        await queue.get()

    await repeat(tick, seconds)


async def timeout_around_done(seconds: float) -> None:
    done = _done()

    async def tick() -> None:
        async with asyncio.timeout(60):
            await done

    await repeat(tick, seconds)


async def wait_for_done(seconds: float) -> None:
    await repeat(partial(asyncio.wait_for, _done(), 60), seconds)


STORMS_HERE: dict[str, Storm] = {
    "none": partial(repeat, never_suspends),
    "queue_get": queue_with_item,
    "done_future": done_future,
    "call_soon": chain_of_callbacks,
    "sleep0": partial(repeat, partial(asyncio.sleep, 0)),
    "batch": many_tasks,
}
COMMON: dict[str, Storm] = {
    "acquire of a free Lock": partial(free_lock, asyncio.Lock),
    "Event.wait, set": partial(event_set, asyncio.Event),
    "timeout around a done future": timeout_around_done,
    # Python 3.11 takes the loop's turns here, 3.12 and later do not: it is shown, and nothing is expected of it.
    "wait_for of a done future": wait_for_done,
}


async def beats_beside(storm: Storm, seconds: float) -> int:
    """How often a heartbeat beat between the storm's first step and its last."""
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(BEAT)
            beats += 1

    heart = asyncio.create_task(beat())
    try:
        await storm(seconds)
        return beats
    finally:
        heart.cancel()


async def ends_when_cancelled(storm: Storm, seconds: float) -> bool:
    task = asyncio.ensure_future(storm(seconds))
    cancel = asyncio.get_running_loop().call_later(CANCEL_AFTER, task.cancel)
    await asyncio.wait([task])
    cancel.cancel()
    return task.cancelled()


async def main() -> None:
    storms = {mode: STORMS_HERE[mode] for mode in STORMS["asyncio"]} | COMMON
    await asked("asyncio", storms, beats_beside=beats_beside, ends_when_cancelled=ends_when_cancelled)


if __name__ == "__main__":
    tied()
    asyncio.run(main())
