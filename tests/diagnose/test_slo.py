"""Whether objectives are met: the truth table, and what is said when it could not be told."""

from __future__ import annotations

import math

import pytest

from trio_lab.diagnose.slo import judged, needs_the_server
from trio_lab.records.slo import Estimate
from trio_lab.records.slo_text import read_slo

TABLE = [
    # target, measured, low, high, met
    ("p99<200ms", 100.0, 90.0, 150.0, True),
    ("p99<200ms", 300.0, 250.0, 400.0, False),
    ("p99<200ms", 190.0, 150.0, 240.0, None),
    ("p99<200ms", 300.0, 250.0, math.inf, False),
    ("p99<200ms", 100.0, 90.0, math.inf, None),
    ("p99<200ms", 200.0, 200.0, 200.0, False),
    ("p99<=200ms", 200.0, 200.0, 200.0, True),
    ("p99<200ms", 100.0, None, None, None),
    ("p99<200ms", None, None, None, None),
    ("ok>99%", 100.0, 99.5, 100.0, True),
    ("ok>99%", 100.0, 84.0, 100.0, None),
    ("ok>99%", 90.0, 80.0, 95.0, False),
]


@pytest.mark.parametrize(("line", "measured", "low", "high", "met"), TABLE)
def test_the_whole_interval_must_be_on_one_side(
    line: str, measured: float | None, low: float | None, high: float | None, met: bool | None
) -> None:
    (objective,) = read_slo(line)
    estimate = Estimate(figure=objective.figure, unit=objective.unit, measured=measured, low=low, high=high)
    (found,) = judged([objective], [estimate])
    assert (found.passed, found.measured, found.low, found.high) == (met, measured, low, high)
    assert bool(found.note) == (met is None)
    assert not found.skipped


def test_a_note_of_the_figure_is_kept_and_a_figure_of_another_command_is_skipped() -> None:
    known = Estimate(figure="pool", unit="%", measured=10.0, low=9.0, high=11.0, note="native_pool")
    pool, run = judged(read_slo("pool<80%, blocked-loop.x<3"), [known])
    assert (pool.passed, pool.note) == (True, "native_pool")
    assert (run.passed, run.skipped) == (None, True)


@pytest.mark.parametrize(("line", "needs"), [("p99<1s", False), ("a.b<1", False), ("p99<1s,memory<70%", True)])
def test_what_only_the_server_knows(line: str, needs: bool) -> None:
    assert needs_the_server(read_slo(line)) is needs
