"""The callers: of an open workload, whose requests come whatever happens, or of a closed one, whose clients wait for answers.

A caller leaves when its patience is over, whether its request waits or is being served. Its position in the queue is free at
once; work that has begun goes on to its end, as a thread does. A caller that left or was refused may come again
(``retries``), after a pause.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from random import Random

from ..admission.gate import Place
from ..measure.histogram import Histogram
from .times import Times


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """``service`` is the work of a request; without ``patience`` callers never leave. A request that failed is sent again up
    to ``retries`` times, each time after a ``pause``, which ``backoff`` multiplies each time. A closed client waits for
    ``think`` between two requests, and for a ``pause`` too if the last one failed, so that virtual time goes on.
    """

    service: Times
    patience: Times | None = None
    retries: int = 0
    pause: Times = field(default_factory=lambda: Times(mean=0.001))
    backoff: float = 1.0
    think: Times = field(default_factory=Times)
    kind: str = ""
    tenant: str = ""
    priority: int = 0

    def __post_init__(self) -> None:
        if self.retries < 0 or self.backoff < 1:
            raise ValueError("retries must not be negative, and backoff at least 1")


class Crowd:
    """Callers in a simulation, and how their requests ended."""

    def __init__(self, callers: Callers, random: Random, *, closed: bool) -> None:
        self.kind, self.tenant, self.priority = callers.kind, callers.tenant, callers.priority
        self.retries, self.backoff = callers.retries, callers.backoff
        self.closed = closed
        self.end = inf
        """When clients of a closed workload stop asking."""
        self.work = callers.service.draw(random)
        self.patience = None if callers.patience is None else callers.patience.draw(random)
        self.pause = callers.pause.draw(random)
        self.think = callers.think.draw(random)
        self.reset()

    def reset(self) -> None:
        """Count from here on."""
        self.came = self.served = self.left = self.refused = self.failed = self.wasted = 0
        self.responses = Histogram()
        """Of the requests that were served in time, in seconds from the arrival of the attempt that succeeded."""


class Request:
    """One attempt to be served. A caller that comes again makes another."""

    __slots__ = ("attempts", "crowd", "number", "place", "work")

    number: int
    """Given when it comes: 1 for the first that came."""
    work: float
    place: Place | None
    """None when its caller has left, and at the end."""

    def __init__(self, crowd: Crowd, attempts: int = 0) -> None:
        self.crowd = crowd
        self.attempts = attempts
        """Those before this one that failed."""
        self.place = None
