"""The bulkhead on asyncio: `Bulkhead`, with the guarantees of the one on Trio.

A semaphore bounds only how many are served at once. An overloaded server also needs a bound on the queue, a bound on the
wait, a slot that is free as soon as its caller is cancelled, and counts.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable
from contextlib import suppress

from ..preconditions import require_loop
from .bulkhead import BaseBulkhead
from .deadline import within_deadline
from .gate import WAITING, Decision, Place
from .reserved import reserved_at


class Bulkhead(BaseBulkhead):
    """Bounded admission to something of ``capacity`` places. The arguments are those of `Gate`."""

    _loop: asyncio.AbstractEventLoop | None = None
    _timer: asyncio.TimerHandle | None = None
    _due = math.inf  # when the timer rings: at the earliest deadline of all callers that wait

    async def enter(self, *, queue_timeout: float | None = None, kind: str = "", priority: int = 0) -> Place:
        now = self._now()
        place: Place | None = reserved_at(self._gate)
        if place is not None:
            self._book(place)
            return place
        wait = within_deadline(self.queue_timeout if queue_timeout is None else queue_timeout, now)
        place = self._gate.arrive(now, kind, priority, wait)
        if place.state is WAITING:
            try:
                await self._wait(place)
            finally:
                self._book(place)
        return place

    async def _wait(self, place: Place) -> None:
        loop = asyncio.get_running_loop()

        def abandon() -> None:
            self._tell(self._gate.abandon(place, loop.time()))

        turn = place.caller = _Turn(abandon, loop)
        self._ring_at(place.deadline)
        try:
            refusal = await turn
        except BaseException:  # cancelled, maybe after it was admitted: then the place goes to the next
            abandon()
            raise
        if refusal is not None:
            raise refusal

    def _now(self) -> float:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            require_loop(f"the bulkhead {self.name}", "asyncio")
            raise
        now = loop.time()
        if loop is not self._loop:  # the first use, or another run
            self._loop, self._timer, self._due = loop, None, math.inf
            self._gate.restart(now)
        return now

    def _time_of_use(self) -> float | None:
        with suppress(RuntimeError):
            if (loop := asyncio.get_running_loop()) is self._loop:
                return loop.time()
        return None

    def _is_cancelled(self) -> bool:
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0

    def _tell(self, decisions: Iterable[Decision]) -> None:
        for place, refusal in decisions:
            if callable(place.caller):
                place.caller(refusal)
            else:
                place.caller.set_result(refusal)

    def _ring_at(self, due: float) -> None:
        if due < self._due:
            if self._timer is not None:
                self._timer.cancel()
            self._due = due
            self._timer = asyncio.get_running_loop().call_at(due, self._ring)

    def _ring(self) -> None:
        self._timer, self._due = None, math.inf
        self._tell(self._gate.expire(self._now()))
        self._ring_at(self._gate.next_deadline())


class _Turn(asyncio.Future[Exception | None]):
    """What a caller in the queue awaits: None, or the error that refuses it.

    To cancel a task, asyncio cancels the future that it awaits. The task itself runs a pass later, and could be given a
    place before that; so the caller leaves the queue here.
    """

    def __init__(self, abandon: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._abandon = abandon

    def cancel(self, msg: object = None) -> bool:
        if not self.done():
            self._abandon()
        return super().cancel(msg)
