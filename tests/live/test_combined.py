"""Unit: one exposition for several processes, from what each has told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.live.seen import seen
from trio_lab.live.metrics.catalog import METRICS
from trio_lab.live.metrics.combined import Combined, Counts
from trio_lab.live.metrics.metric import Metric, Sample, Seen
from trio_lab.records.codec import from_plain, to_plain
from trio_lab.records.processes import Counted
from trio_lab.records.summary import Buckets


def metric(name: str) -> Metric:
    return next(one for one in METRICS if one.name == name)


ACTIVE = metric("http_server_active_requests")
REQUESTS = metric("http_server_requests_total")
DURATION = metric("http_server_request_duration_seconds")


def told(process: Seen, name: Metric) -> dict[tuple[str, ...], float]:
    return {labels: value.count if isinstance(value, Buckets) else value for labels, value in name.read(process)}


def values(samples: list[Sample]) -> dict[tuple[str, ...], float]:
    return {labels: value.count if isinstance(value, Buckets) else value for labels, value in samples}


@pytest.mark.parametrize("name", [REQUESTS, DURATION])
def test_what_is_counted_is_added_up(name: Metric) -> None:
    one = seen()
    assert told(one, name)
    combined = Combined(runtime="trio", serving={1: one, 2: one}, others=(one,))
    assert values(combined.samples(name)) == {labels: 3 * value for labels, value in told(one, name).items()}
    assert combined.labels(name) == name.labels


@pytest.mark.parametrize("name", [REQUESTS, DURATION])
def test_a_process_that_has_ended_still_counts(name: Metric) -> None:
    one = seen()
    counts = Counts()
    counts.add(one)
    records = tuple(from_plain(Counted, to_plain(record)) for record in counts.counted())
    again = Counts(records)
    again.add(one)
    before = Combined(runtime="trio", serving={1: one, 2: one})
    after = Combined(runtime="trio", serving={1: one}, ended=records)
    assert values(after.samples(name)) == values(before.samples(name))
    assert values(again.of(name)) == values(before.samples(name))


def test_a_gauge_has_a_sample_for_each_process_that_serves() -> None:
    one = seen()
    assert one.totals is not None
    other = replace(one, totals=replace(one.totals, active=7))
    combined = Combined(runtime="trio", serving={2: other, 1: one}, others=(other,))
    assert combined.labels(ACTIVE) == ("process",)
    assert combined.samples(ACTIVE) == [(("1",), one.totals.active), (("2",), 7)]


def test_what_the_service_tells_as_a_whole_has_no_label() -> None:
    restarts = metric("trio_lab_process_restarts_total")
    alone = replace(seen(), restarts=None)
    assert list(restarts.read(alone)) == []
    combined = Combined(runtime="trio", serving={1: alone}, own={restarts.name: 3})
    assert combined.samples(restarts) == [((), 3)]
    assert combined.labels(restarts) == ()
