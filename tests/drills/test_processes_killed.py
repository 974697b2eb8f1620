"""Unit: what the drill says of requests that fail when a server process is killed."""

from __future__ import annotations

from trio_lab.drills.cases.processes_killed import DRILL, Counts
from trio_lab.drills.cases.processes_killed import figures as figures_of
from trio_lab.drills.model import AFTERMATH, Attempt
from trio_lab.records.figures import Figures

_WELL = {one.figure: 0.0 for one in AFTERMATH}


def verdict(counts: Counts, control: Figures) -> bool:
    return DRILL.result(Attempt(figures={**figures_of(counts), **_WELL}), Attempt(figures=control), duration=1.0).passed


def test_only_requests_on_a_killed_process_may_fail() -> None:
    worse = figures_of(Counts(answered=100, elsewhere=1, killed=[7]))
    counts = Counts(answered=100, killed=[7], replaced=[1.0])
    counts.failed(7)
    assert (counts.in_flight, counts.elsewhere) == (1, 0)
    assert verdict(counts, worse)
    assert not verdict(counts, figures_of(counts))  # a control that breaks no bound shows nothing
    counts.failed(8)
    counts.failed(None)
    assert (counts.in_flight, counts.elsewhere) == (1, 2)
    assert not verdict(counts, worse)
