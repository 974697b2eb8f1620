"""What falls on one moment (pure): who is served, who leaves and who is refused when several things happen together."""

from __future__ import annotations

from typing import Any

import pytest

from trio_lab.admission.gate import Gate
from trio_lab.simulate.arrivals import Arrivals
from trio_lab.simulate.callers import Callers
from trio_lab.simulate.events import Events
from trio_lab.simulate.lane import FastLane
from trio_lab.simulate.log import Entry, first_difference
from trio_lab.simulate.service import Independent
from trio_lab.simulate.times import Times

SECOND = Times(mean=1.0)


def story(*callers: tuple[Callers, float], run_timeout: float | None = None, **gate: Any) -> str:
    """Callers at a gate with one place, each at its moment, and what happens in words: "arrive 1, start 1"."""
    log: list[Entry] = []
    lane = FastLane(
        Gate("queue", capacity=1, discipline="fifo", **gate),
        Independent(Events()),
        run_timeout=run_timeout,
        log=lambda *entry: log.append(entry),
    )
    for each, moment in callers:
        lane.open(each, Arrivals(kind="trace", moments=(moment,)))
    lane.run(10.0)
    return ", ".join(f"{what} {number}" for _, number, what in log if what not in ("arrive", "queue"))


STAYS = Callers(service=SECOND)


@pytest.mark.parametrize(
    ("told", "happens"),
    [
        pytest.param(
            story((STAYS, 0.0), (STAYS, 1.0), max_waiting=0),
            "start 1, end 1, start 2, end 2",
            id="a place that is given back is free for a request of that moment",
        ),
        pytest.param(
            story((STAYS, 0.0), (Callers(service=SECOND, patience=Times(mean=0.5)), 0.5)),
            "start 1, leave 2, end 1",
            id="a caller whose patience is over is not served at that moment",
        ),
        pytest.param(
            story((STAYS, 0.0), (STAYS, 0.5), queue_timeout=0.5),
            "start 1, timeout 2, end 1",
            id="a caller whose wait is over is not served at that moment",
        ),
        pytest.param(
            story((STAYS, 0.0), (Callers(service=SECOND, patience=Times(mean=0.5)), 0.5), queue_timeout=0.5),
            "start 1, leave 2, end 1",
            id="a caller whose patience and wait are over at one moment has left",
        ),
        pytest.param(
            story((Callers(service=SECOND, patience=SECOND), 0.0)),
            "start 1, leave 1, end 1",
            id="a caller that leaves when its answer comes has left",
        ),
        pytest.param(
            story((STAYS, 0.0), run_timeout=1.0), "start 1, end 1", id="work that ends at its run timeout has ended"
        ),
        pytest.param(
            story((STAYS, 0.0), (STAYS, 0.0), (STAYS, 0.0)),
            "start 1, end 1, start 2, end 2, start 3, end 3",
            id="of several that come together the first is first",
        ),
    ],
)
def test_ties(told: str, happens: str) -> None:
    assert told == happens


def test_logs_differ_where_the_first_entries_differ() -> None:
    one: list[Entry] = [(0.0, 1, "arrive"), (0.0, 1, "start"), (1.0, 1, "end")]
    assert first_difference(one, list(one)) is None
    assert first_difference(one, one[:2]) == (2, (1.0, 1, "end"), None)
    assert first_difference(one[:1], [(0.0, 2, "arrive")]) == (0, (0.0, 1, "arrive"), (0.0, 2, "arrive"))
