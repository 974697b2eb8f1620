from __future__ import annotations

from itertools import pairwise

import pytest

from trio_lab.load import tally as tally_module
from trio_lab.load.results import find_bottleneck
from trio_lab.load.tally import Samples, Tally
from trio_lab.measure.histogram import Histogram
from trio_lab.records.load import Counts


def a_tally(*, start: float = 0.0, interval: float = 1.0) -> Tally:
    return Tally(start=start, end=start + 2.5, interval=interval, keep_samples=False)


def test_two_of_each_are_counted_as_two() -> None:
    tally = a_tally(start=100.0)
    tally.sent = 12
    for _ in range(2):
        tally.reply(200, intended=100.0, sent_at=100.0, now=100.25)
        tally.reply(200, intended=100.0, sent_at=100.125, now=100.25)
        tally.reply(503, intended=100.0, sent_at=100.0, now=100.5)
        tally.reply(400, intended=100.0, sent_at=100.0, now=100.5)
        tally.error("reset", 100.5)
        tally.time_out(intended=100.0, sent_at=100.5, now=100.75)
        tally.drop(intended=100.0, now=100.75)
    assert tally.counts() == Counts(sent=12, completed=8, ok=4, shed=2, timed_out=2, errors=4, dropped=2)
    assert tally.in_flight == 0
    assert (tally.status, tally.error_kinds) == ({200: 4, 503: 2, 400: 2}, {"status 400": 2, "reset": 2})
    assert (tally.shed.total, tally.unanswered.total) == (1.0, 3.0)
    assert tally.samples is None


def test_what_ends_at_an_edge_is_of_the_row_that_begins_there() -> None:
    tally = a_tally(start=100.0)
    tally.time_out(100.0, 100.0, 101.0)
    tally.error("reset", 102.0)
    tally.time_out(100.0, 102.0, 102.0)  # sent at the last moment
    rows = tally.finish()
    assert [(row.start, row.timed_out, row.errors) for row in rows] == [(0.0, 0, 0), (1.0, 1, 0), (2.0, 1, 1)]
    assert tally.with_unanswered()[1].count == 2


@pytest.mark.parametrize("status", [200, 503, 400])
def test_rows_after_the_end_last_as_long_as_something_ends_in_them(status: int) -> None:
    tally = a_tally(start=100.0)
    tally.reply(200, intended=100.0, sent_at=100.0, now=101.25)
    tally.reply(status, intended=100.0, sent_at=100.0, now=102.75)
    tally.advance(107.0)
    assert [row.start for row in tally.finish()] == [0.0, 1.0, 2.0, 2.5]


def test_rows_hold_what_ended_in_them_and_the_end_is_an_edge() -> None:
    tally = a_tally()
    tally.sent = 5
    tally.reply(200, intended=0.0, sent_at=0.0, now=0.5)
    tally.reply(503, intended=0.5, sent_at=0.5, now=1.0)
    tally.error("reset", 1.5)
    tally.reply(200, intended=1.0, sent_at=1.2, now=2.4)
    assert tally.inside is None
    tally.time_out(0.6, 0.7, 2.6)
    rows = tally.finish()
    assert [(row.start, row.ok, row.shed, row.errors, row.timed_out) for row in rows] == [
        (0.0, 1, 0, 0, 0),
        (1.0, 0, 1, 1, 0),
        (2.0, 1, 0, 0, 0),
        (2.5, 0, 0, 0, 1),
    ]
    assert tally.inside is not None
    assert tally.inside.timed_out == 0
    assert tally.in_flight == 0


def test_a_row_tells_the_median_and_the_longest_of_its_ok_replies() -> None:
    tally = a_tally()
    for took in (0.1, 0.2, 0.3, 0.4, 0.7):
        tally.reply(200, intended=1.2 - took, sent_at=1.2 - took, now=1.2)
    tally.reply(503, intended=0.0, sent_at=0.0, now=1.2)
    empty, row = tally.finish()
    assert (empty.p50, empty.max) == (None, None)
    assert (row.p50, row.max) == (pytest.approx(0.3, rel=0.005), pytest.approx(0.7))


def test_latency_counts_from_the_intended_start_and_service_from_the_send() -> None:
    tally = a_tally()
    tally.reply(204, intended=0.0, sent_at=0.75, now=1.0)
    tally.finish()
    assert tally.latency.max == 1.0
    assert tally.service.max == 0.25


@pytest.mark.parametrize(
    ("status", "end"),
    [(status, "ok") for status in (200, 204, 299, 302, 399)]
    + [(status, "shed") for status in (429, 503)]
    + [(status, "errors") for status in (199, 400, 404, 428, 500, 502, 504)],
)
def test_a_reply_counts_by_its_status(status: int, end: str) -> None:
    tally = a_tally()
    tally.sent = 1
    tally.reply(status, intended=0.0, sent_at=0.0, now=0.5)
    counts = tally.counts()
    assert (counts.completed, {name: getattr(counts, name) for name in ("ok", "shed", "errors")}) == (
        1,
        {"ok": 0, "shed": 0, "errors": 0} | {end: 1},
    )


def test_a_sample_tells_when_its_request_ended_and_how_long_it_took() -> None:
    tally = Tally(start=100.0, end=102.0, interval=1.0, keep_samples=True)
    tally.reply(200, intended=100.25, sent_at=100.5, now=101.0)
    tally.drop(intended=100.5, now=101.5)
    assert tally.samples is not None
    assert tally.samples.pairs == [(1.0, 0.75), (1.5, 1.0)]


def test_requests_without_a_reply_count_with_the_time_that_they_had_waited() -> None:
    tally = a_tally()
    tally.reply(200, intended=0.0, sent_at=0.0, now=0.5)
    tally.time_out(intended=0.0, sent_at=1.0, now=2.0)
    tally.drop(intended=0.0, now=4.0)
    tally.finish()
    latency, service = tally.with_unanswered()
    assert (latency.count, latency.total, service.count, service.total) == (3, 6.5, 2, 1.5)
    assert (tally.latency.count, tally.unanswered.count, tally.dropped, tally.timed_out) == (1, 2, 1, 1)


def test_rows_without_anything_after_the_end_are_left_out() -> None:
    tally = a_tally()
    tally.advance(10.0)
    assert [row.start for row in tally.finish()] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("interval", [0.05, 0.1, 0.25, 0.5, 2.5])
def test_rounding_makes_no_sliver_of_a_row(interval: float) -> None:
    tally = a_tally(interval=interval)
    tally.advance(2.5)
    assert len(tally.finish()) == round(2.5 / interval)


def test_stopping_ends_the_duration() -> None:
    tally = a_tally()
    tally.sent = 2
    tally.reply(200, intended=0.0, sent_at=0.0, now=0.5)
    tally.stop(1.25)
    assert tally.end == 1.25
    tally.reply(200, intended=0.0, sent_at=0.0, now=1.5)
    tally.stop(2.0)
    assert tally.end == 1.25
    assert tally.inside is not None
    assert (tally.inside.ok, tally.counts().ok) == (1, 2)


def test_samples_are_thinned_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally_module, "_MOST_SAMPLES", 8)
    samples = Samples()
    for i in range(40):
        samples.add(float(i), 0.0)
        assert len(samples.pairs) < 8
    times = [at for at, _ in samples.pairs]
    assert {later - earlier for earlier, later in pairwise(times)} == {8.0}


@pytest.mark.parametrize(
    ("cpu_share", "late_p99", "p50", "kinds", "says"),
    [
        (0.5, None, 0.01, {}, None),
        (0.9, None, 0.01, {}, "The generator used 90% of a core"),
        (0.5, 0.001, 0.001, {}, None),  # the resolution of a timer
        (0.5, 0.5, 0.001, {}, "The generator sent late (p99 500.0 ms)"),
        (0.5, 0.002, 0.1, {}, None),  # 2 % of the median
        (0.5, None, 0.01, {"out of local ports": 3}, "The generator ran out of local ports"),
    ],
)
def test_generator_says_when_it_was_the_bottleneck(
    cpu_share: float, late_p99: float | None, p50: float, kinds: dict[str, int], says: str | None
) -> None:
    latency = Histogram()
    latency.record(p50)
    found = find_bottleneck(cpu_share=cpu_share, late_p99=late_p99, latency=latency.summary(), error_kinds=kinds)
    assert (found is None) if says is None else (found is not None and found.startswith(says))
