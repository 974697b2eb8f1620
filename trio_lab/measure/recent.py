"""The recent values of a histogram: those since the last turn but one. With a turn every ten seconds, the last ten to
twenty."""

from __future__ import annotations

from .histogram import Histogram


class Recent:
    """Two windows over a histogram, of which the older is closed. With ``so_far`` that one has what the histogram has already:
    for one that has just appeared."""

    def __init__(self, histogram: Histogram, *, so_far: bool = False) -> None:
        self._window, self._older = histogram.follow(), histogram.copy() if so_far else Histogram()

    def turn(self) -> None:
        """Close the open window, and forget the one that was closed before."""
        self._older = self._window.copy()
        self._window.clear()

    def read(self) -> Histogram:
        """A histogram of its own with the values of both windows."""
        both = self._older.copy()
        both.merge(self._window)
        return both
