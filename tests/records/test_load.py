"""Unit: a load result in JSON and back, and what stands for a latency that nobody had."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from trio_lab.records.codec import decode, encode, to_plain
from trio_lab.records.load import Counts, Latencies, LoadResult, Row
from trio_lab.records.summary import Summary

from .loads import RESULT, SUMMARY


def test_a_result_comes_back_from_json_as_it_was() -> None:
    back = decode(LoadResult, encode(RESULT))
    assert math.isnan(back.shed.p50)
    assert replace(back, shed=RESULT.shed) == replace(RESULT, shed=RESULT.shed)


def test_units_stand_in_the_names() -> None:
    plain = to_plain(RESULT)
    assert plain["duration_s"] == 1.5
    assert plain["offered_rps"] == 2.0
    assert plain["latency_ms"]["p50"] == 10.0
    assert plain["series"][0] == {
        "t": 0.0,
        "ok": 2,
        "shed": 0,
        "timed_out": 1,
        "errors": 0,
        "p50_ms": 10.0,
        "max_ms": 30.0,
    }
    assert plain["samples"] == [[0.25, 30.0], [0.4, 10.0]]


def test_a_latency_that_nobody_had_is_null_and_not_a_number() -> None:
    assert to_plain(RESULT)["shed_ms"] == dict.fromkeys(("mean", "p50", "p90", "p99", "p99_9", "max"))
    nobody = Latencies.of(replace(SUMMARY, count=0))
    assert math.isnan(nobody.p99 / SUMMARY.p99)


def test_every_latency_keeps_its_own_figure() -> None:
    summary = Summary(count=9, mean=0.5, p50=0.1, p90=0.2, p99=0.3, p99_9=0.4, max=0.6)
    told = to_plain(replace(RESULT, latency=Latencies.of(summary)))["latency_ms"]
    assert told == pytest.approx({"mean": 500, "p50": 100, "p90": 200, "p99": 300, "p99_9": 400, "max": 600})


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, []),
        ({"unanswered": 1}, ["1 of 3 requests had no reply"]),
        ({"behind": 1}, ["1 of 3 requests were due and not sent when the duration ended"]),
        (
            {"behind": 10, "requests": Counts(sent=1000, completed=1000, ok=1000)},
            [],
        ),  # a hundredth: those at the very end
        ({"behind": 11, "requests": Counts(sent=900, dropped=100)}, ["11 of 1,000 requests were due"]),
        ({"throughput": 0.0, "goodput": 0.0}, ["No reply came within the duration"]),
        ({"throughput": 0.0, "requests": Counts(sent=3, errors=3)}, []),
        ({"generator": replace(RESULT.generator, bottleneck="Too slow.", abandoned=2)}, ["Too slow."]),
    ],
)
def test_what_a_reader_must_know_is_a_warning(found: dict[str, Any], said: list[str]) -> None:
    warnings = replace(RESULT, **found).warnings
    assert len(warnings) == len(said)
    assert all(warning.startswith(begin) for warning, begin in zip(warnings, said, strict=True))


def test_without_samples_there_is_no_such_key() -> None:
    assert "samples" not in to_plain(replace(RESULT, samples=None))


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (((0.4, 0.1), (0.5, 0.4)), [(0.1, 0.4), (0.3, 0.1)]),
        (((0.1, 0.1 + 1e-9),), [(0.0, 0.1 + 1e-9)]),  # rounding puts no start before the run
        (None, []),
    ],
)
def test_samples_in_the_order_of_their_starts(
    samples: tuple[tuple[float, float], ...] | None, expected: list[tuple[float, float]]
) -> None:
    assert replace(RESULT, samples=samples).by_start() == [pytest.approx(pair) for pair in expected]


def test_goodput_is_of_the_whole_rows_in_a_stretch_of_the_duration() -> None:
    rows = tuple(
        Row(start=t, ok=ok, shed=0, timed_out=0, errors=0, p50=None, max=None)
        for t, ok in ((0.0, 9), (0.5, 2), (1.0, 4), (1.5, 7))
    )
    found = replace(RESULT, series=rows)  # of 1.5 s: the last row is of what came later
    assert found.goodput_in(0.0) == pytest.approx(15 / 1.5)
    assert found.goodput_in(0.5) == pytest.approx(6 / 1.0)
    assert found.goodput_in(0.4, 1.2) == pytest.approx(2 / 0.5)
    assert found.goodput_in(1.2) is None
    assert replace(found, series=()).goodput_in(0.0) is None
