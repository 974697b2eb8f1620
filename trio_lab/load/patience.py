"""How long clients wait for a reply before they leave: all alike, of several kinds, or by chance."""

from __future__ import annotations

import random
from dataclasses import dataclass

from trio_lab.errors import UsageError

_LONGEST = 3600.0  # seconds
_SHORTEST = 1e-3  # seconds that a drawn patience lasts at least: an exponential one can come out as next to nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds. Of several values each client of a closed workload has one, in turn, and in an open workload each request.
    ``exponential``: the single value is a mean, and every request has its own, drawn by chance.

    Raises:
        UsageError: a value is out of range, or an exponential one has several.
    """

    seconds: tuple[float, ...]
    exponential: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "seconds", tuple(self.seconds))
        if not self.seconds or not all(0 < value <= _LONGEST for value in self.seconds):
            raise UsageError(f"patience must be over 0 and at most {_LONGEST:g}, got {self.seconds!r}")
        if self.exponential and len(self.seconds) > 1:
            raise UsageError("patience must have one mean when it is exponential")

    @property
    def varies(self) -> bool:
        return self.exponential or len(self.seconds) > 1

    def of(self, number: int, dice: random.Random) -> float:
        """The patience of the client, or of the request, with this number."""
        if self.exponential:
            return max(_SHORTEST, dice.expovariate(1.0 / self.seconds[0]))
        return self.seconds[number % len(self.seconds)]
