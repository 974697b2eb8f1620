"""What a test measures of its own work, judged by objectives: the value of the fixture ``slo``.

The figures are those of a load (`records.slo.FIGURES`), as far as a test can know them: latencies and shares of the blocks that
it timed, the delay of its loops, and how much of their places its queues used. They are judged as those of a load are, by
their 95 % intervals. With fewer than five timed blocks nothing can be said of others like them, and the figures are those of
these blocks alone.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter
from typing import Any

from ..diagnose.interval import Interval
from ..diagnose.one_run import enough, quantile_interval, ratio_interval, share_interval
from ..diagnose.slo import judged
from ..errors import Overloaded, RunTimeout
from ..loop.eyes import Passes
from ..measure.histogram import Histogram
from ..records.queue import Queue
from ..records.slo import FIGURES, Estimate, Objective, SloResult

_SLICES = 10
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99_9": 0.999}
_OUTCOMES = _OK, _SHED, _TIMED_OUT, _ERRORS = "ok", "shed", "timed_out", "errors"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timed:
    began: float
    ended: float
    outcome: str


class Objectives:
    """Times blocks of code, and judges them when the test has ended."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._objectives = objectives
        self._timed: list[_Timed] = []
        self._queues: list[Queue] = []

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Time a block, which may await. If it raises, it counts as shed (`Overloaded`), timed out (a timeout, or it was
        cancelled) or an error."""
        began, outcome = perf_counter(), _OK
        try:
            yield
        except BaseException as error:
            outcome = _outcome_of(error)
            raise
        finally:
            self._timed.append(_Timed(began=began, ended=perf_counter(), outcome=outcome))

    def watch(self, queue: Queue) -> None:
        """Judge how much of its places this bulkhead or pool used (the figure ``pool``)."""
        self._queues.append(queue)

    def judge(self, loops: Sequence[Passes]) -> SloResult:
        """The objectives with what was measured; ``loops`` are those that the test ran.

        Raises:
            LookupError: the test has timed nothing and watched no queue.
        """
        if not self._timed and not self._queues:
            raise LookupError("nothing was measured for its objectives: put `with slo.timed():` around the work")
        estimates = [*self._latencies(), *self._shares(), *self._rates(), *self._used(), *_delay(loops)]
        return SloResult.of(judged(self._objectives, estimates))

    def _slices(self) -> list[list[_Timed]]:
        count = len(self._timed)
        number = min(_SLICES, count)
        cuts = [round(count * one / number) for one in range(number + 1)] if number else [0]
        return [self._timed[begin:end] for begin, end in pairwise(cuts)]

    def _latencies(self) -> Iterator[Estimate]:
        if not self._timed:
            return
        slices, whole = [_histogram(one) for one in self._slices()], _histogram(self._timed)
        for name, share in _QUANTILES.items():
            interval, note = quantile_interval(slices, share), ""
            if interval and interval[1] == float("inf"):
                note = f"{whole.count} blocks are too few, it takes at least {enough(share)}"
            yield _estimate(name, whole.quantile(share), interval, 1e3, note)
        yield _estimate("max", whole.max, None, 1e3)

    def _shares(self) -> Iterator[Estimate]:
        slices, whole = self._slices(), Counter(one.outcome for one in self._timed)
        for name in _OUTCOMES if self._timed else ():
            hits = [sum(one.outcome == name for one in part) for part in slices]
            interval = share_interval(hits, [len(part) for part in slices])
            yield _estimate(name, whole[name] / len(self._timed), interval, 100)

    def _rates(self) -> Iterator[Estimate]:
        slices = [part for part in self._slices() if part]
        ends = [min(one.began for one in self._timed), *(part[-1].ended for part in slices)] if slices else []
        seconds = [after - before for before, after in pairwise(ends)]
        for name, counted in (("throughput", _OUTCOMES), ("goodput", (_OK,))):
            parts = [sum(one.outcome in counted for one in part) for part in slices]
            if sum(seconds) > 0:
                yield _estimate(name, sum(parts) / sum(seconds), ratio_interval(parts, seconds))

    def _used(self) -> Iterator[Estimate]:
        found = [queue.statistics() for queue in self._queues]
        used = [(one.utilization, one.name) for one in found if one.utilization is not None]
        if used:
            most, name = max(used)
            yield _estimate("pool", most, None, 100, name)


def _delay(loops: Sequence[Passes]) -> Iterator[Estimate]:
    """Of the loop where it was longest."""
    delays = [loop.busy.delay(0.99, loop.busy.total + loop.waited) for loop in loops]
    if delays:
        yield _estimate("loop_delay_p99", max(delays), None, 1e3)


def _histogram(blocks: Sequence[_Timed]) -> Histogram:
    found = Histogram()
    for block in blocks:
        found.record(block.ended - block.began)
    return found


def _estimate(name: str, measured: float, interval: Interval | None, factor: float = 1.0, note: str = "") -> Estimate:
    """Without an interval, the figure is that of what was measured and of nothing else."""
    low, high = (measured, measured) if interval is None else interval
    return Estimate(
        figure=name,
        unit=FIGURES[name].unit,
        measured=measured * factor,
        low=low * factor,
        high=high * factor,
        note=note,
    )


def _outcome_of(error: BaseException) -> str:
    if isinstance(error, Overloaded):
        return _SHED
    trio: Any = sys.modules.get("trio")
    too_slow = (TimeoutError, RunTimeout, *(() if trio is None else (trio.TooSlowError,)))
    return _TIMED_OUT if isinstance(error, too_slow) or not isinstance(error, Exception) else _ERRORS


def told(objective: Objective) -> str:
    """An objective and its verdict in one line."""
    if objective.skipped:
        return f"{objective.claim}: {objective.note}"
    verdict = {True: "met", False: "not met", None: "could not be told"}[objective.passed]
    measured = "" if objective.measured is None else f", measured {objective.measured:.4g} {objective.unit}"
    interval = ""
    if objective.low is not None and objective.high is not None and objective.low != objective.high:
        interval = f" (95 %: {objective.low:.4g} to {objective.high:.4g})"
    return f"{objective.claim}: {verdict}{measured}{interval}{f', {objective.note}' if objective.note else ''}"
