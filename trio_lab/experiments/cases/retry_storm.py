"""A short overload, and clients that try again: does the service come back when the load has gone?

An open workload of half the capacity rises to three times the capacity for a second, and falls back. Clients leave after a
second and try again after 50 ms, eight times. Varied: the server, stock settings against the naive profile (no bound, no
timeout, and it works on for clients that have left), and whether clients try again. Held fixed: hashes sized for 40 a second
on this machine. Every case has a server of its own.

The rise leaves the naive server a queue of two seconds' work. Without retries it has served that within four seconds, since
half of its capacity is free. With them, each client that left comes back as new work for up to eight times, which is more
than there is capacity: the queue stays longer than the patience although the load has gone. That is a metastable failure
(Bronson and others, HotOS 2021): a trigger that is over, and an effect that keeps itself alive. So goodput is looked at from
five seconds after the rise on, when without retries all is well: the third case shows that, and that it is the retries.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ...load.retry import Retry
from ...records.chart import Chart
from ...records.figures import Measures, check, compared, measured
from ...records.load import LoadResult
from ...stage.crowd import capacity, crowd
from ...stage.stage import Stage
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading
from ..sizing import expected, stock_path

_PATIENCE = 1.0
_AGAIN = Retry(most=8, first=0.05)
_CALM, _RISE = 0.5, 3.0  # loads, in units of the capacity
_BEFORE, _LENGTH = 2.0, 1.0  # seconds: of the load before the rise, of the rise
_DRAINED = 5.0  # seconds after the rise in which even the naive server has served its queue, if nobody tries again
_SOON = 1.0  # seconds after the rise in which the stock server should be normal again
_CONNECTIONS = 1000
_ABLE, _COUNTED = 2.0, 2.0  # seconds of a quick run: of the capacity, and of each load after the queue was served
_CASES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    capacity: float
    stock: LoadResult
    naive: LoadResult
    once: LoadResult

    def after(self, run: LoadResult, seconds: float) -> float:
        """Ok replies ÷ the requests that were wanted, from so long after the rise on."""
        rate = run.goodput_in(_BEFORE + _LENGTH + seconds) or 0.0
        return rate / (_CALM * self.capacity)


def _tries(run: LoadResult) -> float | None:
    """Tries of each request that was wanted."""
    again = run.retries
    return None if again is None else run.requests.sent / max(1, run.requests.sent - again.retries)


_FIGURES: Measures[_Found] = {
    "capacity_rps": lambda found: found.capacity,
    "stock_after": lambda found: found.after(found.stock, _SOON),
    "naive_after": lambda found: found.after(found.naive, _DRAINED),
    "once_after": lambda found: found.after(found.once, _DRAINED),
    "stock_tries": lambda found: _tries(found.stock),
    "naive_tries": lambda found: _tries(found.naive),
}


async def _collect(stage: Stage) -> Collected:
    path = await stock_path(stage)
    able = await capacity(stage, path, seconds=stage.seconds(4, quick=_ABLE))
    after = _DRAINED + max(1.0, stage.seconds(6, quick=_COUNTED))
    stages = ((_BEFORE, _CALM * able), (_LENGTH, _RISE * able), (after, _CALM * able))
    naive = ("--profile", "naive")
    load = partial(crowd, stage, path, connections=_CONNECTIONS, stages=stages, leave_after=_PATIENCE)
    turns = {
        "stock": partial(load, retry=_AGAIN),
        "naive": partial(crowd, stage, path, *naive, retry=_AGAIN, **load.keywords),
        "once": partial(crowd, stage, path, *naive, **load.keywords),
    }
    found = _Found(capacity=able, **await stage.once(turns))
    return Collected(figures=measured(_FIGURES, found), charts=(_chart(found),))


def _chart(found: _Found) -> Chart:
    def curve(run: LoadResult) -> list[tuple[float, float]]:
        whole = int(run.duration)
        return [(second + 0.5, run.goodput_in(second, second + 1) or 0.0) for second in range(whole)]

    return charts.chart(
        "Answers in time, before, during and after the rise",
        "line",
        ("seconds", "answers in time, per second"),
        [
            ("stock settings", curve(found.stock), "good"),
            ("naive", curve(found.naive), "bad"),
            ("naive, nobody tries again", curve(found.once), None),
        ],
        rules=[charts.rule(_CALM * found.capacity, "wanted before and after")],
        note=f"Offered: {_CALM:g} × the capacity; {_RISE:g} × from second {_BEFORE:g} to {_BEFORE + _LENGTH:g}.",
    )


def _finding(found: Reading) -> str:
    return f"""From a second after the rise on {found.said("stock_after", "×")} of what was wanted came in time, at
        {found.said("stock_tries")} tries for each request. The naive server gave {found.said("naive_after", "×")} when it
        should long have served its queue, at {found.said("naive_tries")} tries; {found.said("once_after", "×")} without
        retries."""


EXPERIMENT = Experiment(
    name="retry-storm",
    title="A retry storm",
    order=32,
    expected_s=expected(load=_ABLE + _CASES * (_BEFORE + _LENGTH + _DRAINED + _COUNTED), servers=1 + _CASES),
    question="Clients try again when they get no answer: does the service come back when the load has gone?",
    prediction="""The stock server serves who is still there and has room for those that come again: within a second after
        the rise everything is answered in time. The naive server stays down although the load has gone, because it works
        through tries whose clients have left while they send new ones; without retries it recovers.""",
    figures=_FIGURES,
    checks=(
        check("answered in time after the rise, stock settings", "stock_after", ">=", 0.8, "×"),
        check("answered in time after the rise, naive", "naive_after", "<", 0.4, "×"),
        check("the same where nobody tries again", "once_after", ">=", 0.7, "×"),
    ),
    advice="""Bound what waits by the patience of those who wait, and let clients back off: `--backoff 50ms-2s` and
        `--retry-budget 0.1` of `trio-lab load` show what that gains. A service that has fallen into this state does not leave
        it by itself: take the load off for a moment, or restart it.""",
    collect=_collect,
    finding=_finding,
    compared=(compared("stock_after", "answered in time after the rise", "×", "higher"),),
    lab=False,
    comparison=False,
)
