"""How a request waits for its place on Trio."""

from __future__ import annotations

from collections.abc import Iterable

import trio

from ..admission.gate import ADMITTED, WAITING, Decision, Place
from ..errors import QueueTimeout
from .inbox import Inbox, Receive


class TrioWaits:
    """The waits of one run. A request waits by receiving, and that is cancelled when the gate has decided about it."""

    def __init__(self) -> None:
        self._clock = trio.lowlevel.current_clock()

    def is_current(self) -> bool:
        """Whether it is this run that calls."""
        try:
            return trio.lowlevel.current_clock() is self._clock
        except RuntimeError:
            return False

    def now(self) -> float:
        return self._clock.current_time()

    def inbox(self, receive: Receive) -> Inbox:
        return Inbox(receive)

    async def wait(self, place: Place, inbox: Inbox) -> Exception | None:
        """Returns when the place was given (None), or with the error that refuses it; in both cases the client may have left,
        which the inbox says. If it has, the place is no longer asked for."""
        try:
            with trio.CancelScope(deadline=place.deadline) as place.caller:
                await inbox.listen()
                if not inbox.left:
                    await trio.sleep_forever()
        except BaseException:
            self._abandon(place)
            raise
        if place.state is WAITING:
            self._abandon(place)
            return QueueTimeout(place.gate.name)
        if inbox.left and place.state is ADMITTED:
            self._abandon(place)
        refusal: Exception | None = place.caller
        return refusal

    def _abandon(self, place: Place) -> None:
        self.tell(place.gate.abandon(place, self.now()))

    def tell(self, decisions: Iterable[Decision]) -> None:
        for place, refusal in decisions:
            scope, place.caller = place.caller, refusal
            scope.cancel()
