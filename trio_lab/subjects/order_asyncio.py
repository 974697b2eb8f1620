"""What runs in which order on asyncio: ``python -m trio_lab.subjects.order_asyncio [--json] [--trials N]``.

asyncio has one queue of ready callbacks, first in, first out; a step of a task is one of them. What is not in it yet,
timers and other threads, is where order is not promised.
"""

from __future__ import annotations

import asyncio
import threading
import time

from .orders import Order, Scenes

SCENES = Scenes("asyncio", lambda scene, order: asyncio.run(scene(order)))


async def note(order: Order, what: str) -> None:
    order.append(what)


@SCENES.question("five ways to run soon, asked for in one step", promised=True)
async def asked_in_one_step(order: Order) -> None:
    """All five end in one queue of ready callbacks, first in, first out; first the step that asks runs to its end."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    done.set_result(None)
    loop.call_soon(order.append, "call_soon")
    task = asyncio.create_task(note(order, "create_task"))
    done.add_done_callback(lambda _: order.append("callback of a done future"))
    loop.call_soon_threadsafe(order.append, "call_soon_threadsafe")
    order.append("sync code")
    await asyncio.sleep(0)
    order.append("after sleep(0)")
    await task


@SCENES.question("await of a future that is done", promised=True)
async def await_of_what_is_done(order: Order) -> None:
    """An await suspends only if what it awaits does, and a done future does not: nothing else runs in between."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    done.set_result(None)
    loop.call_soon(order.append, "call_soon")
    await done
    order.append("after await of a done future")
    await asyncio.sleep(0)


@SCENES.question("a timer of zero", promised=False)
async def timer_of_zero(order: Order) -> None:
    """A timer joins the queue when the loop next looks at its clock; its order among others is not promised."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()

    def timer() -> None:
        order.append("call_later(0)")
        over.set()

    loop.call_later(0, timer)
    loop.call_soon(order.append, "call_soon")
    await asyncio.sleep(0)
    order.append("after sleep(0)")
    await over.wait()


@SCENES.question("four timers of the same moment", promised=False)
async def timers_of_one_moment(order: Order) -> None:
    """Timers are in a heap, which does not keep equals in order; the documents call their order undefined."""
    loop = asyncio.get_running_loop()
    moment = loop.time() + 0.002
    for name in ("a", "b", "c", "d"):
        loop.call_at(moment, order.append, name)
    while len(order) < 4:  # noqa: ASYNC110  (each turn of the loop is what is waited for)
        await asyncio.sleep(0)


@SCENES.question("a callback from another thread", promised=False)
async def from_another_thread(order: Order) -> None:
    """It is queued when the thread gets to run, which the operating system decides."""
    # A thread asks for a callback while the loop makes three turns of its own.
    loop = asyncio.get_running_loop()
    over = asyncio.Event()

    def arrived() -> None:
        order.append("callback from the thread")
        over.set()

    def run() -> None:
        time.sleep(0)  # lets the loop's thread have the interpreter, until it is this one's turn again
        loop.call_soon_threadsafe(arrived)

    thread = threading.Thread(target=run)
    thread.start()
    for turn in (1, 2, 3):
        await asyncio.sleep(0)
        order.append(f"turn {turn}")
    await over.wait()
    thread.join()


@SCENES.question("tasks waiting for a Lock", promised=True)
async def waiting_for_a_lock(order: Order) -> None:
    """A Lock goes to the task that has waited longest."""
    lock = asyncio.Lock()

    async def want(name: str) -> None:
        async with lock:
            order.append(name)

    async with asyncio.TaskGroup() as group:
        async with lock:
            for name in ("first", "second", "third"):
                group.create_task(want(name))
                await asyncio.sleep(0)  # it has come to the lock before the next one starts


if __name__ == "__main__":
    SCENES.main(32)
