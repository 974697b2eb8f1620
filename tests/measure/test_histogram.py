"""Unit (pure): the histogram against sorted lists, and against HdrHistogram itself."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from trio_lab.measure.histogram import Histogram
from trio_lab.measure.percentile import percentile
from trio_lab.records.summary import BOUNDS

durations = st.floats(min_value=1e-6, max_value=3600.0)
ERROR = 1 / 256 + 1e-9  # half a bucket


def of(values: list[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


@given(st.lists(durations, min_size=1, max_size=200), st.sampled_from([0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0]))
def test_quantile_is_the_ranked_value_within_half_a_bucket(values: list[float], q: float) -> None:
    assert of(values).quantile(q) == pytest.approx(percentile(values, q), rel=ERROR)


@given(st.lists(durations, max_size=100), st.lists(durations, max_size=100))
def test_merge_is_the_histogram_of_both(left: list[float], right: list[float]) -> None:
    merged = of(left)
    merged.merge(of(right))
    whole = of(left + right)
    assert merged.summary().p99 == whole.summary().p99
    assert (merged.count, merged.max) == (whole.count, whole.max)
    assert merged.total == pytest.approx(whole.total)


@given(st.lists(durations, max_size=50), st.lists(durations, min_size=1, max_size=50))
def test_a_window_that_follows_has_what_came_since_it_was_cleared(before: list[float], after: list[float]) -> None:
    histogram = Histogram()
    window = histogram.follow()
    for value in before:
        histogram.record(value)
    window.clear()
    for value in after:
        histogram.record(value)
    assert window.summary() == of(after).summary()
    assert histogram.count == len(before) + len(after)


def test_every_window_has_everything_and_a_window_of_a_window_too() -> None:
    histogram = of([0.010])
    first, second = histogram.follow(), histogram.follow()
    inner = first.follow()
    histogram.record(0.5)
    first.clear()
    assert (first.count, second.count, inner.count) == (0, 1, 1)
    assert inner.max == second.max == 0.5


def test_a_window_that_nobody_holds_is_gone() -> None:
    histogram = of([0.010])
    gone = weakref.ref(histogram.follow())
    histogram.record(0.5)
    assert histogram.count == 2
    assert gone() is None


def test_a_window_may_be_opened_while_another_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As another thread could, or a finalizer that a collection of garbage runs: the loop's monitor must not fail for it."""
    histogram, add = of([0.010]), Histogram._add
    first, opened = histogram.follow(), []

    def add_and_open(self: Histogram, *values: Any) -> None:
        if self is first:
            opened.append(histogram.follow())
        add(self, *values)

    monkeypatch.setattr(Histogram, "_add", add_and_open)
    histogram.record(0.5)
    assert (histogram.count, histogram.total) == (2, pytest.approx(0.51))
    histogram.record(0.2)
    assert (first.count, opened[0].count) == (2, 1)


def test_a_read_while_values_are_put_into_buckets_counts_them_once() -> None:
    histogram = Histogram()

    class Reads(float):
        def __lt__(self, other: float) -> bool:
            assert histogram.total >= 0.0
            return float(self) < other

    histogram.record(Reads(0.5))
    histogram.record(0.1)
    assert (histogram.summary().count, histogram.total) == (2, pytest.approx(0.6))


def test_a_copy_of_a_window_follows_nothing() -> None:
    histogram = Histogram()
    window = histogram.follow()
    histogram.record(0.5)
    copy = window.copy()
    copy.record(0.1)
    histogram.record(0.2)
    assert (copy.count, window.count) == (2, 2)
    assert (copy.total, window.total) == (pytest.approx(0.6), pytest.approx(0.7))
    assert (copy.mean, copy.max) == (pytest.approx(0.3), 0.5)


def test_agrees_with_hdrhistogram() -> None:
    ours, theirs = Histogram(), HdrHistogram(1, 3_600_000_000, 3)
    for n in range(1, 20_000):
        seconds = (n * 7919 % 20_000) ** 2 * 1e-9 + 1e-6
        ours.record(seconds)
        theirs.record_value(int(seconds * 1e6))
    for percent in (50, 90, 99, 99.9):
        expected = theirs.get_value_at_percentile(percent) / 1e6
        assert ours.quantile(percent / 100) == pytest.approx(expected, rel=0.006)


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [
        (0.0, 0.0),
        (-1.0, 0.0),  # a clock that was set
        (1e-9, 1e-9),
        (86_400.0, 86_400.0),  # far outside what anybody expects, and counted all the same
    ],
)
def test_nothing_is_out_of_range(seconds: float, kept: float) -> None:
    histogram = of([seconds])
    assert histogram.count == 1
    assert histogram.quantile(0.5) == pytest.approx(kept, rel=ERROR)


def test_empty_says_zero() -> None:
    summary = Histogram().summary()
    assert (summary.count, summary.mean, summary.p99, summary.max) == (0, 0.0, 0.0, 0.0)


def test_summary_notices_new_records() -> None:
    histogram = of([0.010])
    assert histogram.summary().count == 1
    histogram.record(1.0)
    assert histogram.summary().count == 2
    assert histogram.summary().max == 1.0


def test_a_zero_beside_a_long_duration_is_zero() -> None:
    assert of([0.0, 1.0]).quantile(0.5) == 0.0


def test_a_summary_has_the_quantiles_that_its_fields_name() -> None:
    values = [n / 1000 for n in range(1, 10_001)]
    summary = of(values).summary()
    assert (summary.count, summary.mean, summary.max) == (10_000, pytest.approx(5.0005), 10.0)
    for share, found in ((0.5, summary.p50), (0.9, summary.p90), (0.99, summary.p99), (0.999, summary.p99_9)):
        assert found == pytest.approx(percentile(values, share), rel=ERROR)


@given(st.lists(durations, max_size=100), durations)
def test_what_is_above_a_duration_lies_in_higher_buckets(values: list[float], duration: float) -> None:
    found = of(values).above(duration)
    assert sum(value > duration * (1 + 2 * ERROR) for value in values) <= found
    assert found <= sum(value > duration for value in values)


@given(st.lists(durations, min_size=1, max_size=50))
def test_its_values_are_the_buckets_in_order(values: list[float]) -> None:
    found = of(values).values()
    assert found == sorted(found)
    assert found[0] == pytest.approx(min(values), rel=ERROR)
    assert found[-1] == pytest.approx(max(values), rel=ERROR)


@pytest.mark.parametrize(
    ("passes", "whole", "late"),
    [
        ([], 10.0, 0.0),
        ([0.001] * 9, 10.0, 0.0),  # busy for less than a hundredth of the time
        ([0.2], 10.0, 0.1),  # at 0.1 s of the 10 s more than 0.1 s of that pass are left
        ([0.2] + [1e-5] * 10_000, 10.0, 0.1),  # however many short passes are beside it
        ([0.2, 0.2], 10.0, 0.15),
        ([0.5, 0.1], 10.0, 0.4),
        ([1.0] * 10, 10.0, 0.99),
    ],
)
def test_the_delay_is_what_all_but_a_hundredth_of_the_time_stays_below(
    passes: list[float], whole: float, late: float
) -> None:
    assert of(passes).delay(0.99, whole) == pytest.approx(late, abs=0.005)


@given(st.lists(durations, max_size=200))
def test_buckets_count_everything_under_its_bound(values: list[float]) -> None:
    found = of(values).buckets()
    assert (found.count, found.total) == (len(values), pytest.approx(sum(values)))
    assert of(values).summary().buckets == found
    up_to = 0
    for bound, count in zip(BOUNDS, found.counts, strict=False):
        up_to += count
        assert (
            sum(value <= bound for value in values) <= up_to <= sum(value <= bound * (1 + 1 / 128) for value in values)
        )


@given(st.lists(durations, max_size=50), st.floats(min_value=0.0, max_value=100.0), durations)
def test_delays_count_each_millisecond_once_and_no_bucket_shrinks(
    passes: list[float], waited: float, another: float
) -> None:
    before = of(passes).delays(waited)
    assert before.count == int((of(passes).total + waited) * 1000)
    assert min(before.counts) >= 0
    after = of([*passes, another]).delays(waited)
    for number in range(len(before.counts)):
        assert sum(after.counts[: number + 1]) >= sum(before.counts[: number + 1])


def test_a_moment_within_a_pass_waits_for_the_rest_of_it() -> None:
    """One pass of a second after nine seconds without one: a thousand looks, evenly late."""
    found = of([1.0]).delays(9.0)
    up_to = dict(zip(BOUNDS, (sum(found.counts[: n + 1]) for n in range(len(BOUNDS))), strict=True))
    assert (up_to[0.1], up_to[0.5], up_to[1.0], found.count) == (9100, 9500, 10_000, 10_000)
    assert found.total == pytest.approx(500, rel=0.01)
