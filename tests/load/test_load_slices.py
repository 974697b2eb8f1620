"""The slices of a run: few, in order, and nothing is lost."""

from __future__ import annotations

import pytest

from trio_lab.load.slices import Slices
from trio_lab.load.tally import Tally
from trio_lab.measure.histogram import Histogram


@pytest.mark.parametrize(("rows", "slices"), [(1, 1), (40, 40), (41, 21), (80, 40), (1000, 32)])
def test_slices_are_few_and_hold_all_rows_in_order(rows: int, slices: int) -> None:
    found = Slices()
    for number in range(rows):
        row = Histogram()
        row.record(number + 1.0)
        found.add(row, Histogram())
    assert len(found.histograms) == slices
    assert sum(one.count for one in found.histograms) == rows
    assert [one.max for one in found.histograms] == sorted(one.max for one in found.histograms)


def test_a_slice_has_the_replies_of_its_row_and_those_that_never_came() -> None:
    tally = Tally(start=0.0, end=2.0, interval=1.0, keep_samples=False)
    tally.sent = 3
    tally.reply(200, 0.0, 0.0, 0.5)
    tally.time_out(0.0, 0.0, 1.5)
    tally.drop(0.0, 1.75)
    tally.finish()
    assert [(one.count, one.max) for one in tally.slices.histograms] == [(1, 0.5), (2, 1.75)]
