"""Who calls: open workloads, whose requests come whatever happens, and closed ones, whose clients wait for their answers.

A caller has patience: when it is over the caller leaves, whether its request waits or is being served. In the queue its
place is free at once; work that was begun goes on to its end for nobody, as a thread does. A caller that left or was refused
may come again (`retries`), after a pause.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from ..admission.gate import Place
from ..measure.histogram import Histogram
from .times import Times


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """``service`` is the work of a request, ``patience`` None for callers that never leave. A lost request comes again
    up to ``retries`` times, each after a ``pause``; ``backoff`` multiplies the pause each time. ``think`` is how long a
    closed client waits between two requests; after one that was lost at last it waits for a ``pause`` too, so that it cannot
    be refused for ever at one moment.
    """

    service: Times
    patience: Times | None = None
    retries: int = 0
    pause: Times = field(default_factory=lambda: Times(mean=0.001))
    backoff: float = 1.0
    think: Times = field(default_factory=Times)
    kind: str = ""
    priority: int = 0

    def __post_init__(self) -> None:
        if self.retries < 0 or self.backoff < 1:
            raise ValueError("retries must not be negative, and backoff at least 1")


class Crowd:
    """Callers in a simulation, and how their requests ended."""

    def __init__(self, callers: Callers, random: Random, *, closed: bool) -> None:
        self.kind, self.priority = callers.kind, callers.priority
        self.retries, self.backoff = callers.retries, callers.backoff
        self.closed = closed
        self.work = callers.service.draw(random)
        self.patience = None if callers.patience is None else callers.patience.draw(random)
        self.pause = callers.pause.draw(random)
        self.think = callers.think.draw(random)
        self.came = self.served = self.left = self.refused = self.failed = self.wasted = 0
        self.responses = Histogram()
        """Of the requests that were served in time, in seconds from the arrival of the attempt that succeeded."""


class Request:
    """One request, through all its attempts; of a closed client, one after the other."""

    __slots__ = ("attempts", "crowd", "place")

    place: Place | None
    """What its present attempt waits for or has; None when the caller is not there."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.attempts = 0
        self.place = None
