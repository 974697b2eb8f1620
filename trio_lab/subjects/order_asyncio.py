"""What runs in which order on asyncio: ``python -m trio_lab.subjects.order_asyncio [--json] [--trials N]``.

asyncio has one queue of ready callbacks, first in, first out; a step of a task is one of them. What is not in it yet,
timers and other threads, is where order is not promised.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from .orders import Scene, lines, observe
from .telling import number, tell, tied

Order = list[str]


def once(scene: Callable[[Order], Coroutine[Any, Any, None]]) -> Order:
    """Play a scene in a loop of its own; what it noted, in order."""
    order: Order = []
    asyncio.run(scene(order))
    return order


async def note(order: Order, what: str) -> None:
    order.append(what)


async def asked_in_one_step(order: Order) -> None:
    """Five ways to have something run soon, all asked for in one step."""
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


async def await_of_what_is_done(order: Order) -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    done.set_result(None)
    loop.call_soon(order.append, "call_soon")
    await done
    order.append("after await of a done future")
    await asyncio.sleep(0)


async def timer_of_zero(order: Order) -> None:
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


async def timers_of_one_moment(order: Order) -> None:
    loop = asyncio.get_running_loop()
    moment = loop.time() + 0.002
    for name in ("a", "b", "c", "d"):
        loop.call_at(moment, order.append, name)
    while len(order) < 4:  # noqa: ASYNC110  (each turn of the loop is what is waited for)
        await asyncio.sleep(0)


async def from_another_thread(order: Order) -> None:
    """A thread asks for a callback while the loop makes three turns of its own."""
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


async def waiting_for_a_lock(order: Order) -> None:
    lock = asyncio.Lock()

    async def want(name: str) -> None:
        async with lock:
            order.append(name)

    async with asyncio.TaskGroup() as group:
        async with lock:
            for name in ("first", "second", "third"):
                group.create_task(want(name))
                await asyncio.sleep(0)  # it has come to the lock before the next one starts


SCENES = (
    Scene(
        name="five ways to run soon, asked for in one step",
        promised=True,
        why="All five end in one queue of ready callbacks, first in, first out; first the step that asks runs to its end.",
        trial=partial(once, asked_in_one_step),
    ),
    Scene(
        name="await of a future that is done",
        promised=True,
        why="An await suspends only if what it awaits does, and a done future does not: nothing else runs in between.",
        trial=partial(once, await_of_what_is_done),
    ),
    Scene(
        name="a timer of zero",
        promised=False,
        why="A timer joins the queue when the loop next looks at its clock; its order among others is not promised.",
        trial=partial(once, timer_of_zero),
    ),
    Scene(
        name="four timers of the same moment",
        promised=False,
        why="Timers are in a heap, which does not keep equals in order; the documents call their order undefined.",
        trial=partial(once, timers_of_one_moment),
    ),
    Scene(
        name="a callback from another thread",
        promised=False,
        why="It is queued when the thread gets to run, which the operating system decides.",
        trial=partial(once, from_another_thread),
    ),
    Scene(
        name="tasks waiting for a Lock",
        promised=True,
        why="A Lock goes to the task that has waited longest.",
        trial=partial(once, waiting_for_a_lock),
    ),
)

if __name__ == "__main__":
    tied()
    found = observe("asyncio", SCENES, number("--trials", 32))
    tell(found, lines(found))
