"""How callers ended, by kind: counts, and histograms of wait and service time."""

from __future__ import annotations

from ..measure.histogram import Histogram
from ..records.queue import QueueStatistics

_RECENT = 0.2  # weight of the newest service time in the moving mean


class Tally:
    """The counts of one kind. They balance: see `QueueStatistics`."""

    __slots__ = ("arrivals", "cancelled", "recent", "rejected", "services", "timed_out", "waits")

    def __init__(self) -> None:
        self.arrivals = self.rejected = self.timed_out = self.cancelled = 0
        self.waits = Histogram()
        self.services = Histogram()
        self.recent: float | None = None
        """Moving mean of the service time in seconds; None before the first."""

    def complete(self, waited: float, served: float) -> None:
        """A caller was served. Both times in seconds."""
        self.waits.record(waited)
        self.services.record(served)
        recent = self.recent
        self.recent = served if recent is None else recent + _RECENT * (served - recent)

    def give_up(self, *, timed_out: bool) -> None:
        """A caller left before it was served."""
        if timed_out:
            self.timed_out += 1
        else:
            self.cancelled += 1

    @property
    def completions(self) -> int:
        return self.services.count

    @property
    def ended(self) -> int:
        return self.completions + self.rejected + self.timed_out + self.cancelled


class Tallies(dict[str, Tally]):
    """Tallies by kind. One is made when a kind is first asked for with ``tallies[kind]``."""

    def __init__(self) -> None:
        super().__init__()
        self._sum = Tally()
        self._summed = 0  # completions in the sum's histograms

    def __missing__(self, kind: str) -> Tally:
        tally = self[kind] = Tally()
        return tally

    def total(self) -> Tally:
        """All kinds together. The object is reused: read it before the next call.

        Merging histograms is expensive and statistics are read often, so they are merged only after a new completion.
        """
        if len(self) == 1:
            return next(iter(self.values()))
        total = self._sum
        if not self:
            return total
        for name in ("arrivals", "rejected", "timed_out", "cancelled"):
            setattr(total, name, sum(getattr(tally, name) for tally in self.values()))
        completions = sum(tally.completions for tally in self.values())
        if completions != self._summed:
            self._summed = completions
            total.waits, total.services = Histogram(), Histogram()
            for tally in self.values():
                total.waits.merge(tally.waits)
                total.services.merge(tally.services)
        return total

    def statistics(self, name: str, kind: str | None) -> QueueStatistics:
        """The counts of a kind (None: of all kinds). The owner of the queue called ``name`` adds its state."""
        tally = self.total() if kind is None else self.get(kind) or Tally()
        return QueueStatistics(
            name=f"{name}.{kind}" if kind else name,
            arrivals=tally.arrivals,
            completions=tally.completions,
            rejected=tally.rejected,
            timed_out=tally.timed_out,
            cancelled=tally.cancelled,
            wait=tally.waits.summary(),
            service=tally.services.summary(),
        )
