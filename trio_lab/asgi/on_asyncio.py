"""How a request waits for its place on asyncio.

To cancel a receive may lose a message there. So each receive is a task that is never cancelled while the request lives:
what it brings goes to the app, even if the request got its place meanwhile.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable

from ..admission.gate import Decision, Gate, Place
from .inbox import Inbox, Message, Receive


class AsyncioInbox(Inbox):
    """An inbox with a receive of its own that may outlast the wait."""

    _pending: asyncio.Future[Message] | None = None
    _waits = False

    def begin(self, on_left: Callable[[], None]) -> None:
        """Listen until `stop`, and call ``on_left`` if the client leaves before."""
        self.on_left = on_left
        self._waits = True
        self._listen()

    def stop(self) -> None:
        """The wait is over. The last receive may go on."""
        self.on_left = None
        self._waits = False

    def close(self) -> None:
        self.stop()  # a message that has just come must not lead to another receive
        if self._pending is not None:
            self._pending.cancel()

    def _listen(self) -> None:
        self._pending = asyncio.ensure_future(self._receive())
        self._pending.add_done_callback(self._on_message)

    def _on_message(self, pending: asyncio.Future[Message]) -> None:
        if pending.cancelled() or pending.exception() is not None:
            return  # the app gets the error when it receives
        self._pending = None
        self.keep(pending.result())
        if self._waits and self.listens:
            self._listen()

    async def receive(self) -> Message:
        if not self._messages and self._pending is not None:
            await asyncio.wait((self._pending,))  # may be cancelled: the pending receive goes on
            if self._pending is not None:
                return self._pending.result()
        return await super().receive()


class AsyncioWaits:
    """The waits of one loop at these gates. One timer rings at the earliest deadline of all requests that wait."""

    def __init__(self, *gates: Gate) -> None:
        self._loop = asyncio.get_running_loop()
        self._gates = gates
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf

    def is_current(self) -> bool:
        """Whether it is this loop that calls."""
        return asyncio._get_running_loop() is self._loop

    def now(self) -> float:
        return self._loop.time()

    def inbox(self, receive: Receive) -> AsyncioInbox:
        return AsyncioInbox(receive)

    async def wait(self, place: Place, inbox: AsyncioInbox) -> Exception | None:
        """As `TrioWaits.wait`."""
        turn = place.caller = self._loop.create_future()
        self._ring_at(place.deadline)

        def on_left() -> None:
            self._abandon(place)  # also if it was admitted in this pass
            if not turn.done():
                turn.set_result(None)

        inbox.begin(on_left)
        try:
            refusal: Exception | None = await turn
        except BaseException:  # cancelled, maybe after it was admitted: then the place goes to the next
            self._abandon(place)
            raise
        inbox.stop()
        return refusal

    def _abandon(self, place: Place) -> None:
        self.tell(place.gate.abandon(place, self.now()))

    def tell(self, decisions: Iterable[Decision]) -> None:
        for place, refusal in decisions:
            if not place.caller.done():  # else it was cancelled, and gives the place back when it runs
                place.caller.set_result(refusal)

    def _ring_at(self, due: float) -> None:
        if due < self._due:
            if self._timer is not None:
                self._timer.cancel()
            self._due = due
            self._timer = self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        self._timer, self._due = None, math.inf
        for gate in self._gates:
            self.tell(gate.expire(self.now()))
            self._ring_at(gate.next_deadline())
