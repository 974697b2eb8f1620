"""Unit (pure): what a reader learns first, and the queues over time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from trio_lab.records.reading import read_results
from trio_lab.records.timeline import Phase, QueueTrack, Timeline
from trio_lab.report.charts import draw
from trio_lab.report.lead import first_sentence, held, strongest
from trio_lab.report.timeline import DEPTH, timeline_charts

SAMPLE = Path(__file__).with_name("sample_results.json")
PHASE = Phase(
    name="/hash", begin=0.05, end=0.4, replies=((0.1, 40.0), (0.3, 42.0)), first_full="native_pool", full_at=0.2
)
TIMELINE = Timeline(
    seconds=(0.1, 0.2, 0.3),
    queues=(
        QueueTrack(
            name="native_pool",
            capacity=4,
            max_waiting=200,
            waiting=(0, 3, 9),
            in_service=(1, 4, 4),
            wait=(None, 0.01, 0.2),
        ),
        QueueTrack(
            name="worker_pool", capacity=1, max_waiting=None, waiting=(0, 0, 0), in_service=(0, 0, 0), wait=(None,) * 3
        ),
    ),
    passes=(0.001, 0.002, None),
    phases=(
        Phase(
            name="/hash", begin=0.05, end=0.4, replies=((0.1, 40.0), (0.3, 42.0)), first_full="native_pool", full_at=0.2
        ),
    ),
)


@pytest.mark.parametrize(
    ("finding", "first"),
    [
        ("It grew. And it fell.", "It grew."),
        ("/health p99 was 3.2 ms beside 1.5 hashes. /hash was slow.", "/health p99 was 3.2 ms beside 1.5 hashes."),
        ("One sentence", "One sentence"),
        ("", ""),
    ],
)
def test_a_finding_is_told_by_its_first_sentence(finding: str, first: str) -> None:
    assert first_sentence(finding) == first


def test_the_strongest_finding_is_the_farthest_from_its_bound_and_undecided_ones_are_not_told() -> None:
    run = read_results(json.loads(SAMPLE.read_text(encoding="utf-8")))
    told = strongest(run.experiments)
    assert {one.outcome for one in told} == {"confirmed", "refuted"}
    weak = replace(run.experiments[0], evidence=replace(run.experiments[0].evidence, checks=()))
    assert strongest([weak, *told])[-1] is weak
    assert held(run.experiments) == "4 of 6 predictions held, 1 was refuted, 1 is undecided."


def test_queues_and_load_share_a_time_axis_and_a_full_queue_is_marked() -> None:
    charts = timeline_charts(TIMELINE)
    assert [chart.title for chart in charts][1] == DEPTH
    assert {chart.x.span for chart in charts} == {(0.0, 0.4)}
    depth = charts[1]
    assert [series.name for series in depth.series] == ["native_pool"]  # the other was never deep
    assert [(rule.at, rule.label) for rule in depth.rules] == [(0.2, "native_pool full")]
    waits = charts[2]
    assert waits.series[0].points == ((0.1, None), (0.2, 10.0), (0.3, 200.0))
    for number, chart in enumerate(charts):
        assert ElementTree.fromstring(draw(chart, key=f"t{number}")).tag.endswith("svg")


def test_what_was_not_observed_has_no_chart() -> None:
    nothing = Timeline(seconds=(0.1,), queues=(), passes=(None,), phases=())
    assert timeline_charts(nothing) == []
