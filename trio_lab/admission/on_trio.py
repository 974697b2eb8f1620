"""The bulkhead on Trio: `Bulkhead`, a gate that tasks can wait at."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress

import outcome
import trio

from ..errors import Closed, Overloaded, QueueTimeout
from ..preconditions import require_loop
from .bulkhead import BaseBulkhead
from .deadline import within_deadline
from .gate import WAITING, Decision, Place
from .reserved import reserved_at


class Bulkhead(BaseBulkhead):
    """Bounded admission to something of ``capacity`` places. The arguments are those of `Gate`.

    A task that has to wait is parked, and is woken with its place or with the error that refuses it. The place is its own
    from the moment of the decision, so none can be lost in between. A task that is cancelled while it waits leaves the
    queue at once.
    """

    _signs_of_load = (*BaseBulkhead._signs_of_load, trio.TooSlowError)
    _clock: trio.abc.Clock | None = None

    def enter_nowait(self, *, kind: str = "", priority: int = 0) -> Place:
        """A place without waiting.

        Raises:
            trio.WouldBlock: no place is free; use `enter` to wait for one.
            trio.ClosedResourceError: the bulkhead was closed.
        """
        try:
            place = self._gate.try_enter(self._now(), kind, priority)
        except Closed as closed:
            raise _as_trio(closed) from None
        if place is None:
            raise trio.WouldBlock
        return place

    @trio.lowlevel.enable_ki_protection  # a Ctrl-C between asking for a place and parking would lose the place
    async def enter(self, *, queue_timeout: float | None = None, kind: str = "", priority: int = 0) -> Place:
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
        except RuntimeError:
            self._now()  # where no Trio loop runs, its error says so
            raise
        now = self._now()
        place: Place | None = reserved_at(self._gate)
        if place is not None:
            self._book(place)
            return place
        wait = within_deadline(self.queue_timeout if queue_timeout is None else queue_timeout, now)
        try:
            place = self._gate.arrive(now, kind, priority, wait)
        except (Closed, Overloaded) as refusal:
            # A caller that asks again at once must not hold up the loop.
            await trio.lowlevel.cancel_shielded_checkpoint()
            raise (_as_trio(refusal) if isinstance(refusal, Closed) else refusal) from None
        if place.state is WAITING:
            try:
                await self._wait(place)  # a checkpoint too: one pass of the loop is enough
            finally:
                self._book(place)
        else:
            await trio.lowlevel.cancel_shielded_checkpoint()
        return place

    async def _wait(self, place: Place) -> None:
        """Each caller has a timer of its own, so a bulkhead needs no background task."""
        place.caller = trio.lowlevel.current_task()

        def abort(_: object) -> trio.lowlevel.Abort:
            self._gate.abandon(place, self._now())
            return trio.lowlevel.Abort.SUCCEEDED

        with trio.CancelScope(deadline=place.deadline) as scope:
            await trio.lowlevel.wait_task_rescheduled(abort)
        if scope.cancelled_caught:
            raise QueueTimeout(self.name)

    def _now(self) -> float:
        try:
            clock = trio.lowlevel.current_clock()
        except RuntimeError:
            require_loop(f"the bulkhead {self.name}", "Trio")
            raise
        if clock is not self._clock:  # the first use, or another run: each has a clock of its own
            self._clock = clock
            self._gate.restart(clock.current_time())
        return clock.current_time()

    def _time_of_use(self) -> float | None:
        with suppress(RuntimeError):
            if (clock := trio.lowlevel.current_clock()) is self._clock:
                return clock.current_time()
        return None

    def _is_cancelled(self) -> bool:
        return trio.current_effective_deadline() == -math.inf

    def _tell(self, decisions: Iterable[Decision]) -> None:
        for place, refusal in decisions:
            if isinstance(refusal, Closed):
                refusal = _as_trio(refusal)
            if callable(place.caller):
                place.caller(refusal)
                continue
            trio.lowlevel.reschedule(place.caller, outcome.Value(None) if refusal is None else outcome.Error(refusal))


def _as_trio(closed: Closed) -> trio.ClosedResourceError:
    return trio.ClosedResourceError(str(closed))
