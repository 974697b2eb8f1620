"""What a dispatcher has decided, and what has not been done yet.

Decisions are synchronous and touch nothing outside. A driver carries them out right after each event, before anything
else may happen; what it finds in doing so (which jobs could be taken back) is the next event for the dispatcher.

The two actions that every job needs are lists of jobs, the rare ones are orders.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from enum import StrEnum
from typing import NamedTuple

from .job import Job


class Verb(StrEnum):
    START = "start"
    """Start a worker in this slot."""
    LOOK = "look"
    """Take back every job that the worker has not read, read all replies that have come, and tell both (`on_looked`)."""
    TAKE_ONE = "take one"
    """Take back one job that the worker has not read, if there is one, and tell (`on_taken`)."""
    INTERRUPT = "interrupt"
    """Ask the job of this number to end."""
    KILL = "kill"
    END = "end"
    """Ask the worker to end. It has no job."""
    ALL_READY = "all ready"
    """All workers that are wanted are ready, the last in this slot."""


class Order(NamedTuple):
    """What is to be done with the worker in the slot of this number, and to which of its jobs."""

    verb: Verb
    slot: int
    job: int = 0


class Actions:
    """To be carried out in this order, and again until nothing is left."""

    __slots__ = ("due", "numbers", "orders", "send", "sent_ahead", "wake")

    def __init__(self) -> None:
        self.wake: list[Job] = []
        """Jobs whose callers are to be woken with them: they have ended, or were refused."""
        self.send: list[Job] = []
        """Jobs to be sent to their workers."""
        self.sent_ahead = 0
        """How many jobs of all slots were sent ahead, and wait there."""
        self.numbers = itertools.count(1)
        """The numbers of jobs, in the order in which they are chosen to be the next."""
        self.orders: deque[Order] = deque()
        self.due = math.inf
        """When to ask the dispatcher what has become due (`Dispatcher.ring`)."""

    def fail(self, job: Job, error: Exception) -> None:
        """The job was refused, or lost: its caller gets the error, unless it has left."""
        if job.caller is not None:
            job.error = error
            self.wake.append(job)

    def order(self, verb: Verb, slot: int, job: int = 0) -> None:
        self.orders.append(Order(verb, slot, job))

    def at(self, when: float) -> None:
        if when < self.due:
            self.due = when
