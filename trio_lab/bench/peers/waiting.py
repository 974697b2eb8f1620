"""A queue of a given depth, to be timed: ``python -m trio_lab.bench.peers.waiting bulkhead|bare DEPTH``.

It says ``{"waiting": DEPTH, "resident_bytes": …}`` when so many tasks are parked. To each line ``N`` it answers
``{"us": …}``, the microseconds that one of N turns took: the first in the queue is admitted, gives its place back, which
admits the next, and goes to the end of the queue; so the depth stays. It ends when its standard input closes.

``bare`` does the same with nothing but Trio's own parking: what a deep queue of tasks costs without us.
"""

from __future__ import annotations

import gc
import os
import sys
from collections import deque
from time import perf_counter

import trio

from ...admission.on_trio import Bulkhead
from ...measure.process import resident_bytes
from ...subjects.telling import say

_PATIENCE = 3600.0  # every waiter has its deadline, as in the server; none passes here


class Turns:
    """How many turns are still to be taken; between two measurements the task with the place waits in `one`."""

    def __init__(self) -> None:
        self._left = 0
        self._go = trio.Event()
        self._done = trio.Event()

    async def one(self) -> None:
        """Called with the place in hand."""
        if self._left == 0:
            self._done.set()
            await self._go.wait()
        self._left -= 1

    async def make(self, number: int) -> float:
        """Seconds that each of ``number`` turns took."""
        await self._done.wait()
        self._left, self._done, go, self._go = number, trio.Event(), self._go, trio.Event()
        begun = perf_counter()
        go.set()
        await self._done.wait()
        return (perf_counter() - begun) / number


class BareQueue:
    """One place and a deque of parked tasks, each with a deadline. No bound, no counts, no discipline."""

    def __init__(self) -> None:
        self._parked: deque[trio.lowlevel.Task] = deque()
        self._taken = False

    @property
    def waiting(self) -> int:
        return len(self._parked)

    async def turn(self, turns: Turns) -> None:
        await trio.lowlevel.checkpoint()
        if self._taken:
            self._parked.append(trio.lowlevel.current_task())
            with trio.CancelScope(deadline=trio.current_time() + _PATIENCE):
                await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.SUCCEEDED)
        self._taken = True
        await turns.one()
        trio.lowlevel.reschedule(self._parked.popleft())


class DeepBulkhead(Bulkhead):
    async def turn(self, turns: Turns) -> None:
        async with self.place():
            await turns.one()


async def main(kind: str, depth: int) -> None:
    queue: DeepBulkhead | BareQueue = BareQueue()
    if kind == "bulkhead":
        queue = DeepBulkhead("waiting", capacity=1, queue_timeout=_PATIENCE)
    turns = Turns()

    async def wait_in_line() -> None:
        while True:
            await queue.turn(turns)

    gc.disable()  # it would look through the growing heap again and again
    async with trio.open_nursery() as nursery:
        for _ in range(depth + 1):
            nursery.start_soon(wait_in_line)
        while queue.waiting < depth:  # noqa: ASYNC110  (neither queue has an event for an arrival)
            await trio.sleep(0.01)
        gc.enable()
        say(waiting=queue.waiting, resident_bytes=resident_bytes(os.getpid()))
        for line in sys.stdin:  # blocks the loop, in which nothing else is due
            say(us=await turns.make(int(line)) * 1e6)
        os._exit(0)  # cancelling so many tasks in order takes longer than the measurement did


if __name__ == "__main__":
    trio.run(main, sys.argv[1], int(sys.argv[2]))
