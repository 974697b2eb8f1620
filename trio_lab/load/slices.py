"""The latencies of a run in consecutive slices: their differences show how sure the figures of the whole run are."""

from __future__ import annotations

from collections.abc import Iterable

from trio_lab.measure.histogram import Histogram

_MOST = 40


class Slices:
    """Each slice covers the same number of rows of the series, except the last. When there are too many, neighbours are
    merged in pairs."""

    __slots__ = ("_rows", "_width", "histograms")

    def __init__(self) -> None:
        self.histograms: list[Histogram] = []
        self._width = 1  # rows to a slice
        self._rows = 0

    def add(self, *row: Histogram) -> None:
        """What was recorded in one more row."""
        if self._rows % self._width == 0:
            self.histograms.append(Histogram())
        self._rows += 1
        for one in row:
            self.histograms[-1].merge(one)
        if len(self.histograms) > _MOST:
            self._halve()

    def _halve(self) -> None:
        pairs = zip(self.histograms[::2], [*self.histograms[1::2], Histogram()], strict=False)
        self.histograms = [_merged(pair) for pair in pairs]
        self._width *= 2


def sliced(samples: Iterable[tuple[float, float]], width: float) -> list[Histogram]:
    """The latencies of samples, pairs of when each ended and its latency, in slices of ``width`` seconds."""
    slices: dict[int, Histogram] = {}
    for at, latency in samples:
        slices.setdefault(int(at / width), Histogram()).record(latency)
    return [slices[number] for number in sorted(slices)]


def _merged(histograms: Iterable[Histogram]) -> Histogram:
    merged = Histogram()
    for one in histograms:
        merged.merge(one)
    return merged
