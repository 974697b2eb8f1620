"""Whether long steps consist of awaits that let no other task run: starvation, and not one line that blocks.

Two looks at one step show in which coroutines it was. A step that awaits again and again is now in an await and now outside of
it, so changes are seen in both directions. A line that blocks keeps the step in the same coroutines. What a handler awaits
before it and after it makes changes too, but few, and each in one direction.

A short step is looked at once or twice, so the looks at all stalls of a line are counted together. Awaits that take hardly any
time, compared with what the task computes between them, are not seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

Look = tuple[int, int]
"""Which step, and in which coroutines it was: numbers to compare."""
_MOST = 64  # different changes that are kept; further ones are not counted


class Changes:
    """From which coroutines a step went to which, between one look and the next."""

    def __init__(self) -> None:
        self._seen: Counter[tuple[int, int]] = Counter()

    def add(self, looks: Iterable[Look]) -> None:
        """The looks at one stall, in order of time."""
        for (step, before), (same, after) in pairwise(looks):
            if step == same and (len(self._seen) < _MOST or (before, after) in self._seen):
                self._seen[before, after] += 1

    @property
    def share(self) -> float | None:
        """The share of changes that were seen in the other direction as well, of all pairs of looks; None without a pair."""
        both = sum(
            min(count, self._seen.get((after, before), 0))
            for (before, after), count in self._seen.items()
            if before != after
        )
        return both / pairs if (pairs := self._seen.total()) else None
