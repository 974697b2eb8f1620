"""Unit (pure): a run as HdrHistogram's text and as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from itertools import pairwise

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.records.loads import RESULT
from trio_lab.load.hgrm import as_hgrm
from trio_lab.load.table import as_csv
from trio_lab.measure.histogram import Histogram
from trio_lab.measure.percentile import rank

durations = st.lists(st.floats(1e-4, 100.0), min_size=1, max_size=100)


def of(values: list[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


def lines_of(text: str) -> list[list[float]]:
    return [[float(word) for word in line.split()] for line in text.splitlines()[2:] if not line.startswith("#")]


@given(durations)
def test_every_line_is_a_quantile_of_the_histogram(values: list[float]) -> None:
    histogram = of(values)
    *lines, last = lines_of(as_hgrm(histogram))
    for value, share, up_to, inverse in lines:
        assert value == pytest.approx(histogram.quantile(share) * 1e3, abs=1e-3)
        assert up_to >= rank(len(values), share)
        assert inverse == pytest.approx(1 / (1 - share), abs=0.01)
    assert last == [pytest.approx(histogram.max * 1e3, abs=1e-3), 1.0, len(values)]
    assert all(earlier[:3] <= later[:3] for earlier, later in pairwise(lines))


@settings(max_examples=20)
@given(durations)
def test_it_says_what_hdrhistogram_says_of_the_same_values(values: list[float]) -> None:
    theirs = HdrHistogram(1, 200_000_000, 3)  # microseconds
    for value in values:
        theirs.record_value(round(value * 1e6))
    for value, share, *_ in lines_of(as_hgrm(of(values))):
        assert value == pytest.approx(
            theirs.get_value_at_percentile(100 * rank(len(values), share) / len(values)) / 1e3, rel=0.01, abs=2e-3
        )


def test_the_form_is_that_of_the_tools() -> None:
    text = as_hgrm(of([0.001] * 50 + [0.002] * 40 + [0.005] * 9 + [0.09]))
    head, empty, first, *_, last, mean, most, buckets = text.splitlines()
    assert head.split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    assert (empty, first.split()[1:]) == ("", ["0.000000000000", "50", "1.00"])
    assert last.split() == ["90.000", "1.000000000000", "100"]
    assert mean == "#[Mean    =        2.650, StdDeviation   =        8.850]"
    assert most == "#[Max     =       90.000, Total count    =          100]"
    assert buckets == "#[Buckets =            4, SubBuckets     =          128]"


def test_no_values_are_no_lines() -> None:
    assert lines_of(as_hgrm(Histogram())) == []


def test_csv_is_the_series_with_its_units_in_the_names() -> None:
    [row] = csv.DictReader(io.StringIO(as_csv(replace(RESULT, samples=None))))
    assert row == {
        "t": "0.0",
        "ok": "2",
        "shed": "0",
        "timed_out": "1",
        "errors": "0",
        "p50_ms": "10.0",
        "max_ms": "30.0",
    }


def test_csv_is_every_latency_when_they_were_kept() -> None:
    assert [*csv.reader(io.StringIO(as_csv(RESULT)))] == [["t", "latency_ms"], ["0.25", "30.0"], ["0.4", "10.0"]]
