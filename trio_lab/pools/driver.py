"""Carries out what a dispatcher decides. It knows workers, and the event loop by three functions only."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Any

from ..worker.frames import SHORT
from .actions import Order, Verb
from .dispatch import Dispatcher
from .job import Job
from .slot import Slot


class Driver:
    """The event loop's part: ``wake(caller, job)`` lets a caller go on, ``start(slot)`` starts a worker, ``ring_at(time)``
    calls `ring` then, ``all_ready()`` tells those who wait for the workers. ``clock`` is the workers'. A caller that can be
    called is not woken, but called with its job."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        wake: Callable[[Any, Any], None],
        start: Callable[[Slot], None],
        ring_at: Callable[[float], None],
        all_ready: Callable[[], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._dispatcher = dispatcher
        self._actions = dispatcher.actions
        self._wake = wake
        self._start = start
        self._ring_at = ring_at
        self._all_ready = all_ready
        self._clock = clock
        self._unsent: list[Job] = []  # empty between two events
        self._asked: list[Job] = []  # the same: those whose callers are no tasks, see `asked`
        self.rings = inf
        """When `ring` is called next."""

    def carry_out(self, now: float) -> None:
        """To be called after everything that the dispatcher was told, with the same time."""
        actions = self._actions
        wake, send = actions.wake, actions.send
        while True:
            if wake:
                for job in wake:
                    if callable(job.caller):
                        self._asked.append(job)
                    else:
                        self._wake(job.caller, job)
                wake.clear()
            if send:
                for job in send:
                    deadline = job.deadline
                    if deadline != inf:  # workers go by another clock than the event loop may
                        deadline += self._clock() - now
                    if not job.worker.send(job.number, deadline, job.call, job.split):  # type: ignore[union-attr]
                        self._unsent.append(job)
                send.clear()
                if self._unsent:
                    unsent, self._unsent = self._unsent, []
                    self._dispatcher.on_unsent(unsent, now)
                    continue
            if not actions.orders:
                break
            self._obey(actions.orders.popleft(), now)
        if actions.due < self.rings:
            self.rings = actions.due
            self._ring_at(actions.due)
        if self._asked:  # last of all: they may give the pool another job, and come here again
            asked, self._asked = self._asked, []
            for job in asked:
                job.caller(job)

    def _obey(self, order: Order, now: float) -> None:
        verb, slot = order.verb, self._dispatcher.slots[order.slot]
        worker = slot.worker
        match verb:
            case Verb.START:
                self._start(slot)
            case Verb.ALL_READY:
                self._all_ready()
            case _ if worker is None:
                pass  # it is gone since this was decided
            case Verb.LOOK:
                # Of a large call the packet could be had, but not the rest, which would be taken for the next one's.
                large = slot.jobs and len(slot.jobs[0].call) > SHORT
                taken = () if large else tuple(iter(worker.take_back, None))
                self._dispatcher.on_looked(slot, taken, *worker.read_all(), now)
            case Verb.TAKE_ONE:
                self._dispatcher.on_taken(slot, worker.take_back(), now)
            case Verb.INTERRUPT:
                worker.interrupt(order.job)
            case Verb.KILL:
                worker.kill()
            case Verb.END:
                worker.ask_to_end()

    def ring(self, now: float) -> None:
        """What has become due."""
        self.rings = inf
        self._dispatcher.ring(now)
        self.carry_out(now)
