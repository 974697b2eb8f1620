"""Unit (pure): what a reader learns first, and the queues over time."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from trio_lab.records.conditions import Conditions
from trio_lab.records.reading import read_results
from trio_lab.records.result import ExperimentResult, Results
from trio_lab.records.timeline import Phase, QueueTrack, Timeline
from trio_lab.report.lead import headline, held, learned, strongest, told, uncounted
from trio_lab.report.page import render
from trio_lab.report.prose import sentence
from trio_lab.report.section import over_time, section
from trio_lab.report.timeline import DEPTH, fills_first, timeline_charts

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
    phases=(PHASE,),
)


@pytest.mark.parametrize(
    ("finding", "first"),
    [
        ("It grew. And it fell.", "It grew."),
        ("/health p99 was 3.2 ms beside 1.5 hashes. /hash was slow.", "/health p99 was 3.2 ms beside 1.5 hashes."),
        ("One sentence", "One sentence"),
        (
            "Capacity was 35.5 replies/s. With it 38.2/s, without it 0/s. More.",
            "Capacity was 35.5 replies/s. With it 38.2/s, without it 0/s.",
        ),
        (
            "A request took 3,000.5 ms on core2. Then 1 and 2. Rest.",
            "A request took 3,000.5 ms on core2. Then 1 and 2.",
        ),
        ("", ""),
    ],
)
def test_a_finding_is_told_as_far_as_it_compares_something(finding: str, first: str) -> None:
    assert told(finding) == first


def test_the_strongest_finding_is_the_farthest_from_its_bound_and_undecided_ones_are_not_told() -> None:
    run = read_results(json.loads(SAMPLE.read_text(encoding="utf-8")))
    found = strongest(run.experiments)
    assert {one.outcome for one in found} == {"confirmed", "refuted"}
    weak = replace(run.experiments[0], evidence=replace(run.experiments[0].evidence, checks=()))
    assert strongest([weak, *found])[-1] is weak
    assert held(run.experiments) == "4 of 6 predictions held, 1 was refuted, 1 is undecided."


def test_queues_and_load_share_a_time_axis_and_a_full_queue_is_marked() -> None:
    charts = timeline_charts(TIMELINE)
    assert [chart.title for chart in charts][1] == DEPTH
    assert {chart.x.span for chart in charts} == {(0.0, 0.4)}
    depth = charts[1]
    assert [series.name for series in depth.series] == ["native_pool"]  # the other was never deep
    assert [(rule.at, rule.label) for rule in depth.rules] == [(0.2, "native_pool fills first")]
    assert {(rule.at, rule.label) for chart in charts if chart is not depth for rule in chart.rules} == {(0.2, "")}
    waits = charts[2]
    assert waits.series[0].points == ((0.1, None), (0.2, 10.0), (0.3, 200.0))


@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [
        ((0.0, 0.5, "×"), (0.01, 0.5, "×")),
        ((0.1, 0.5, "×"), (2.0, 0.5, "×")),
        ((900, 400, "ms"), (300, 400, "ms")),
        ((1.1, 1, "×"), (90, 1, "")),  # a count
        ((1.1, 1, "×"), (None, 1, "×")),
        ((1.1, 1, "×"), (math.inf, 1, "×")),
    ],
)
def test_a_finding_is_the_stronger_the_farther_it_is_from_its_bound(
    stronger: tuple[float, float, str], weaker: tuple[float | None, float, str]
) -> None:
    one, other = read_results(json.loads(SAMPLE.read_text(encoding="utf-8"))).experiments[:2]
    check = one.evidence.checks[0]
    found = [
        replace(
            experiment,
            outcome="confirmed",
            evidence=replace(
                experiment.evidence, checks=(replace(check, measured=figure, bound=bound, unit=unit, passed=True),)
            ),
        )
        for experiment, (figure, bound, unit) in ((other, weaker), (one, stronger))
    ]
    assert strongest(found) == found[::-1]


def test_the_longest_pass_is_drawn_over_the_time_in_which_it_was() -> None:
    passes = timeline_charts(TIMELINE)[-1].series[0]
    assert passes.points == ((0.1, 2.0), (0.2, None), (0.3, None))  # TIMELINE.passes are those before each moment


def test_the_queue_that_fills_first_in_time_is_the_first_and_each_is_named_once() -> None:
    later = replace(PHASE, begin=1.0, end=2.0, first_full="worker_pool", full_at=1.5)
    again = replace(PHASE, begin=3.0, end=4.0, full_at=3.5)
    timeline = replace(TIMELINE, phases=(again, later, PHASE))
    assert fills_first(timeline) == ("native_pool", 0.2)
    assert [(rule.at, rule.label) for rule in timeline_charts(timeline)[1].rules] == [
        (0.2, "native_pool fills first"),
        (1.5, "worker_pool full too"),
    ]
    assert fills_first(replace(TIMELINE, phases=())) is None


def test_load_of_one_kind_is_one_line_with_gaps_and_an_open_workload_shows_what_it_offered() -> None:
    again = replace(PHASE, begin=1.0, end=2.0, offered=50.0)
    load = timeline_charts(replace(TIMELINE, phases=(PHASE, again)))[0]
    assert {series.name: series.points for series in load.series} == {
        "/hash": ((0.1, 40.0), (0.3, 42.0), (0.3, None)) * 2,
        "/hash: offered": ((1.0, 50.0), (2.0, 50.0), (2.0, None)),
    }


def test_a_queue_has_the_same_colour_where_its_depth_and_where_its_wait_is_shown() -> None:
    unobserved = replace(TIMELINE.queues[1], waiting=(5, 5, 5))
    charts = timeline_charts(replace(TIMELINE, queues=(unobserved, TIMELINE.queues[0])))
    names = [[series.name for series in chart.series] for chart in charts[1:3]]
    assert names == [["worker_pool", "native_pool"]] * 2


def run_with(timeline: Timeline | None) -> Results:
    run = read_results(json.loads(SAMPLE.read_text(encoding="utf-8")))
    return replace(run, experiments=tuple(replace(one, timeline=timeline) for one in run.experiments))


def of(experiments: Iterable[ExperimentResult]) -> Results:
    return replace(run_with(None), experiments=tuple(experiments))


def test_the_first_screen_has_every_finding_once_and_one_picture_of_queues() -> None:
    run = run_with(TIMELINE)
    page = render(run)
    first_screen = page[page.index("<h1>") : page.index("<nav")]
    for one in run.experiments:
        assert first_screen.count(sentence(told(one.finding))) == 1
    assert first_screen.count('<figure class="timeline">') == 1
    assert first_screen.count('class="plot"') == 4
    assert "<code>native_pool</code> fills first, after 0.2 s." in first_screen


def test_the_picture_is_of_the_strongest_finding_whose_queue_filled() -> None:
    run = run_with(None)
    found = strongest(run.experiments)
    quiet = replace(TIMELINE, phases=())
    timed = {found[0].name: quiet, found[2].name: TIMELINE}
    shown = learned(of(replace(one, timeline=timed.get(one.name)) for one in run.experiments))
    assert f"<h3>{found[2].title}: its queues over time</h3>" in shown
    shown = learned(of(replace(one, timeline=quiet if one.name == found[1].name else None) for one in run.experiments))
    assert f"<h3>{found[1].title}: its queues over time</h3>" in shown
    assert "<figure" not in learned(run)


def test_when_nothing_is_decided_what_was_seen_is_told_as_undecided() -> None:
    run = run_with(TIMELINE)
    open_ = [replace(one, outcome="undecided") for one in run.experiments]
    assert headline(of(open_)) == "0 of 6 predictions held, 6 are undecided."
    shown = learned(of(open_))
    assert shown.count('aria-label="undecided"') == 6
    assert "<figure" in shown


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        ((True, True), ""),
        ((), ""),
        ((True, False, True), " Other programs disturbed 1 of 3 rounds so much that they do not count."),
        (
            (False, False, True),
            " Other programs disturbed 2 of 3 rounds so much that they do not count. Run it again when the machine is quieter.",
        ),
    ],
)
def test_rounds_that_do_not_count_are_told_at_the_top(counted: tuple[bool, ...], said: str) -> None:
    first, second, *_ = run_with(None).experiments
    conditions = tuple(Conditions(counted=one) for one in counted)
    assert uncounted([replace(first, conditions=conditions[:1]), replace(second, conditions=conditions[1:])]) == said


def test_a_disturbed_round_that_settles_exact_claims_counts_all_the_same() -> None:
    one = run_with(None).experiments[0]
    check = replace(one.evidence.checks[0], exact=True)
    exact = replace(one, conditions=(Conditions(counted=False),), evidence=replace(one.evidence, checks=(check,)))
    assert uncounted([exact]) == ""
    mixed = replace(exact, evidence=replace(one.evidence, checks=(check, replace(check, exact=False))))
    assert "1 of 1 rounds" in uncounted([exact, mixed])


def test_many_findings_are_folded_and_none_is_lost() -> None:
    many = run_with(None).experiments * 3
    shown = learned(of(many))
    assert shown.count("<li>") == len(many) - 1
    assert f"<summary>{len(many) - 6} more</summary>" in shown


def test_an_experiment_shows_its_queues_or_says_why_not() -> None:
    seen, unseen = (section(1, run_with(timeline).experiments[0]) for timeline in (TIMELINE, None))
    assert "native_pool</code> fills first" in seen
    assert "No queues over time" not in seen
    assert "No queues over time: this experiment does not look at the queues of a lab server." in unseen
    failed = section(1, replace(run_with(None).experiments[0], failed=True))
    assert "No queues over time: it could not be run." in failed
    assert "does not look" not in failed


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        (None, "native_pool</code> fills first, after 0.2 s."),
        ((Conditions(counted=False), Conditions()), "native_pool</code> fills first, after 0.2 s."),
        (
            (Conditions(counted=False),) * 2,
            "native_pool</code> filled first, after 0.2 s, in a round that does not count.",
        ),
    ],
)
def test_a_picture_of_a_round_that_does_not_count_says_so(conditions: tuple[Conditions, ...] | None, said: str) -> None:
    run = run_with(TIMELINE)
    shown = replace(run.experiments[0], conditions=conditions)
    assert said in section(1, shown)
    assert said in learned(of([replace(shown, outcome="undecided")]))


def test_the_picture_is_of_a_round_that_counts_if_there_is_one() -> None:
    first, second, *_ = (replace(one, outcome="undecided") for one in run_with(TIMELINE).experiments)
    first = replace(first, conditions=(Conditions(counted=False),))
    for experiments in ([first, second], [second, first]):
        assert f"<h3>{second.title}: its queues over time</h3>" in learned(of(experiments))


@pytest.mark.parametrize(
    ("rounds", "unit", "said"), [(None, "×", False), (1, "×", False), (2, "×", True), (2, "ms", False)]
)
def test_that_ratios_are_medians_by_themselves_is_told_below_the_checks(
    rounds: int | None, unit: str, said: bool
) -> None:
    one = run_with(None).experiments[0]
    check = replace(one.evidence.checks[0], unit=unit)
    shown = replace(
        one,
        evidence=replace(one.evidence, checks=(check,)),
        rounds=None if rounds is None else (one.evidence.figures,) * rounds,
    )
    assert ("a ratio (×) need not be the quotient of two others" in section(1, shown)) is said


def test_queues_that_never_filled_are_told() -> None:
    idle = replace(TIMELINE, queues=(), phases=())
    assert "No queue was seen to fill. No caller was seen to wait in a queue." in over_time(idle)


def test_what_was_not_observed_has_no_chart() -> None:
    nothing = Timeline(seconds=(0.1,), queues=(), passes=(None,), phases=())
    assert timeline_charts(nothing) == []
