"""A limit that adapts: how many requests may be served at once, learned from those that have ended.

An algorithm is pure. It is fed with samples, and its ``limit`` is read after each. The gate does both (`Gate`), and takes the
new limit as its capacity.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum

from ...preconditions import require_count


class Outcome(Enum):
    """What the end of a request tells about the load. The three come from Netflix's concurrency-limits."""

    SUCCESS = "success"
    """It was served: its service time counts."""
    DROPPED = "dropped"
    """It failed as things fail under load: it ran into a timeout, or what it depends on refused it."""
    IGNORED = "ignored"
    """It tells nothing: its caller left before the end, or it failed for a reason of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A request that has ended at ``now``. Times in seconds.

    ``waited`` is the time in the queue, ``served`` that in service. ``in_flight`` counts the requests in service, itself
    included, just before it ended. ``loop_delay`` is the last part of ``served``: the work was done, and the event loop had
    not noticed yet. It is 0 where this is not known.
    """

    now: float
    waited: float
    served: float
    in_flight: int
    outcome: Outcome
    loop_delay: float = 0.0


class Limit(ABC):
    """A limit that begins at ``initial`` and stays between ``lowest`` and ``highest``."""

    def __init__(self, initial: int, *, lowest: int = 1, highest: int = 1000) -> None:
        require_count("lowest", lowest, low=1)
        require_count("highest", highest, low=lowest)
        require_count("initial", initial, low=lowest)
        self.lowest, self.highest = lowest, highest
        self._value = float(min(initial, highest))

    @property
    def limit(self) -> int:
        """How many requests may be in service now."""
        return int(self._value)

    @abstractmethod
    def on_sample(self, sample: Sample) -> None:
        """Learn from a request that has ended."""

    def _set(self, value: float) -> None:
        self._value = min(max(value, self.lowest), self.highest)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.limit}>"
