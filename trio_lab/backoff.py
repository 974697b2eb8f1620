"""How long to wait before the next try of something that failed: pure, and without a clock.

The wait doubles with each try up to a longest one, and is drawn evenly from 0 to there ("full jitter", from Marc Brooker's
article on back-off and jitter), so that those who failed together do not come back together. Standard library only.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """``first``: the longest wait before the second try, in seconds. ``last``: the longest of all.

    Raises:
        ValueError: they are not over 0, or ``last`` is shorter than ``first``.
    """

    first: float = 1.0
    last: float = 300.0

    def __post_init__(self) -> None:
        if not 0 < self.first <= self.last:
            raise ValueError(f"a back-off must grow from over 0 seconds, not from {self.first:g} to {self.last:g}")

    def wait(self, tries: int, dice: random.Random) -> float:
        """Seconds before the next try of something that was tried again ``tries`` times."""
        return dice.uniform(0.0, min(self.last, self.first * 2.0 ** min(tries, 60)))
