"""What runs in which order on Trio: ``python -m trio_lab.subjects.order_trio [--json] [--trials N]``.

Trio promises little about order, and reverses half of its batches at random so that no program comes to rely on one.
"""

from __future__ import annotations

import trio
import trio.lowlevel
from trio.testing import wait_all_tasks_blocked

from .orders import Order, Scenes

SCENES = Scenes("trio", trio.run)


async def note(order: Order, what: str) -> None:
    order.append(what)


@SCENES.question("sync code and a started task", promised=True)
async def started_task(order: Order) -> None:
    """start_soon only makes a task runnable: it takes its first step in a later pass, never inside the call."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(note, order, "task")
        order.append("sync code")


@SCENES.question("four tasks started together", promised=False)
async def started_together(order: Order) -> None:
    """Tasks that are runnable in the same pass are one batch, and half of all batches run the other way round."""
    async with trio.open_nursery() as nursery:
        for name in ("a", "b", "c", "d"):
            nursery.start_soon(note, order, name)


@SCENES.question("callbacks of run_sync_soon", promised=True)
async def queued_callbacks(order: Order) -> None:
    """The entry queue is first in, first out, and all that stands in it runs in one step."""
    token = trio.lowlevel.current_trio_token()
    done = trio.Event()
    for name in ("a", "b", "c"):
        token.run_sync_soon(order.append, name)
    token.run_sync_soon(done.set)
    order.append("sync code")
    await done.wait()


@SCENES.question("a task, a callback and sleep(0), asked for in one step", promised=False)
async def in_one_pass(order: Order) -> None:
    """All three are due in the next pass; the entry queue is emptied by a task that is in the batch like any other."""
    done = trio.Event()
    token = trio.lowlevel.current_trio_token()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(note, order, "task")
        token.run_sync_soon(order.append, "run_sync_soon")
        token.run_sync_soon(done.set)
        await trio.lowlevel.checkpoint()
        order.append("after sleep(0)")
        await done.wait()


@SCENES.question("two tasks of three steps", promised=True)
async def rounds(order: Order) -> None:
    """A pass gives each runnable task one step: no task is ever two steps ahead of another."""
    # Two tasks of three steps each; noted is the step, not whose it was.

    async def steps() -> None:
        for step in (1, 2, 3):
            order.append(f"step {step}")
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(steps)
        nursery.start_soon(steps)


@SCENES.question("a deadline that has already passed", promised=True)
async def passed_deadline(order: Order) -> None:
    """A cancel is delivered at a checkpoint and nowhere else: the code up to it runs, the code after it does not."""
    with trio.move_on_after(0):
        order.append("sync code in the scope")
        try:
            await trio.lowlevel.checkpoint()
            order.append("after the checkpoint")
        except trio.Cancelled:
            order.append("cancelled at the checkpoint")
            raise
    order.append("after the scope")


@SCENES.question("tasks waiting for a Lock", promised=True)
async def waiting_for_a_lock(order: Order) -> None:
    """A Lock goes to the task that has waited longest."""
    lock = trio.Lock()

    async def want(name: str) -> None:
        async with lock:
            order.append(name)

    async with trio.open_nursery() as nursery:
        async with lock:
            for name in ("first", "second", "third"):
                nursery.start_soon(want, name)
                await wait_all_tasks_blocked()  # it has come to the lock before the next one starts


if __name__ == "__main__":
    SCENES.main(64)
