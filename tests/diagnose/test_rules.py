"""Unit: the truth table of the rules. Each row is what was measured of a service with one fault planted (research: at
0.35 and at 1.15 of its load, on two cores), and names the only finding that is offered."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from trio_lab.diagnose.prescribe import RULES, UNSEEN_FIGURES, blind_to, prescribe
from trio_lab.diagnose.signals import Signals, kind_of
from trio_lab.records.codec import decode, encode
from trio_lab.records.diagnosis import Finding

WELL = Signals(
    first="none",
    kind="none",
    service_ratio=1.0,
    capacity=4,
    bounded=True,
    waiting_full=20.0,
    saturation=100.0,
    service_time=0.04,
    concurrency=4.0,
    decline=0.0,
    failed_share=0.0,
    cores=2.0,
    loop_rest=0.02,
    loop_calm=0.05,
    loop_full=0.1,
    pass_p50=0.0005,
    long_pass=0.002,
    passes_per_request=3.0,
    cpu_full=0.06,
    run_delay_full=0.02,
    jobs_cpu=0.02,
    loop_delay=0.02,
    gil_wait=0.01,
    throttled=0.0,
    stolen=0.0,
    gc_share=0.01,
    descriptors_share=0.05,
    backlog_share=0.0,
    stall_cause="none",
    stall_share=None,
    stall_awaits=None,
    grows=True,
    free_cores=1.8,
)


def ill(first: str, **figures: object) -> Signals:
    return replace(WELL, first=first, kind=kind_of(first), **figures)  # type: ignore[arg-type]


def blocked(**figures: object) -> Signals:
    """Growth before the app, and a loop that is full."""
    return ill("run_queue", **{"loop_calm": 0.38, "loop_full": 1.0, "cpu_full": 1.0, "service_ratio": None, **figures})


TABLE = {
    "line that blocks": (blocked(long_pass=0.009, stall_cause="python", stall_share=0.9), "line_that_blocks"),
    "function of many lines that blocks": (
        blocked(long_pass=0.009, stall_cause="python", stall_share=0.1, stall_awaits=0.05),
        "line_that_blocks",
    ),
    "line that blocks, by its passes alone": (blocked(long_pass=0.009, stall_cause=None), "line_that_blocks"),
    "call that waits on the loop": (
        blocked(long_pass=0.02, stall_cause="blocking call", cpu_full=0.1),
        "line_that_blocks",
    ),
    "starvation": (blocked(long_pass=0.009, stall_cause="python", stall_share=0.9, stall_awaits=0.8), "starvation"),
    "starvation of short steps": (blocked(long_pass=0.01, stall_cause="python", stall_coroutines=2.9), "starvation"),
    "a function of many lines blocks": (
        blocked(long_pass=0.01, stall_cause="python", stall_awaits=0.0, stall_coroutines=1.1),
        "line_that_blocks",
    ),
    "starvation of C calls": (blocked(long_pass=0.009, stall_cause="c call", stall_awaits=0.8), "starvation"),
    "many small steps": (blocked(passes_per_request=208.0, pass_p50=0.000025), "many_small_steps"),
    "entry queue": (blocked(stall_cause="entry queue"), "entry_queue"),
    "busy wait": (blocked(loop_rest=0.99), "busy_wait"),
    "native pool too small": (ill("native_pool", loop_full=0.08, cpu_full=0.08), "native_pool_too_small"),
    "native pool = cores, CPU work": (
        ill("native_pool", service_ratio=1.1, loop_full=0.17, cpu_full=1.9, run_delay_full=0.26, capacity=2),
        "cpu_full",
    ),
    "native pool, CPU work, beside busy programs": (
        ill("native_pool", service_ratio=3.9, cpu_full=0.9, jobs_cpu=2.6, capacity=4, free_cores=0.1),
        "cpu_full",
    ),
    "native pool too wide": (
        ill("native_pool", service_ratio=9.3, loop_full=0.33, cpu_full=1.8, run_delay_full=11.3, capacity=16),
        "native_pool_too_wide",
    ),
    "native pool too wide, beside busy programs": (
        ill(
            "native_pool",
            service_ratio=3.0,
            cpu_full=0.6,
            run_delay_full=6.0,
            jobs_cpu=6.5,
            capacity=19,
            free_cores=0.0,
            bounded=False,
            decline=0.4,
        ),
        "native_pool_too_wide",
    ),
    "worker pool too small": (
        ill("worker_pool", loop_full=0.12, cpu_full=1.1, jobs_cpu=1.0, capacity=1),
        "worker_pool_too_small",
    ),
    "worker pool too small, beside a load generator": (
        ill("worker_pool", loop_full=0.12, cpu_full=1.1, jobs_cpu=1.0, capacity=1, free_cores=0.5),
        "worker_pool_too_small",
    ),
    "worker pool too small, with jobs that wait, beside busy programs": (
        ill("worker_pool", loop_full=0.12, cpu_full=0.2, jobs_cpu=0.05, capacity=1, free_cores=0.0),
        "worker_pool_too_small",
    ),
    "worker pool on full cores": (
        ill("worker_pool", loop_full=0.12, cpu_full=1.9, jobs_cpu=1.8, service_ratio=1.8),
        "cpu_full",
    ),
    "default limiter shared": (
        ill("default_limiter", service_ratio=None, cpu_full=0.11, capacity=40),
        "default_limiter_shared",
    ),
    "default executor shared": (
        ill("default_executor", service_ratio=None, cpu_full=0.11, capacity=6),
        "default_limiter_shared",
    ),
    "GIL hog": (
        ill("native_pool", service_ratio=5.7, loop_full=0.94, cpu_full=1.0, run_delay_full=0.33, gil_wait=0.18),
        "gil_hog",
    ),
    "GIL hog beside busy programs": (
        ill(
            "native_pool",
            service_ratio=4.5,
            loop_full=0.3,
            cpu_full=0.6,
            run_delay_full=2.2,
            jobs_cpu=2.0,
            gil_wait=0.22,
            capacity=7,
            free_cores=0.0,
        ),
        "gil_hog",
    ),
    "GIL hog, by the stalls alone": (
        ill(
            "native_pool",
            service_ratio=2.3,
            cpu_full=0.8,
            run_delay_full=1.2,
            jobs_cpu=1.8,
            gil_stalls=0.28,
            free_cores=0.0,
        ),
        "gil_hog",
    ),
    "GC": (blocked(long_pass=0.03, stall_cause="gc", gc_share=0.6), "garbage_collection"),
    "GC, without a watch": (blocked(long_pass=0.03, stall_cause=None, gc_share=0.6), "garbage_collection"),
    "CPU quota": (
        ill("native_pool", service_ratio=1.9, loop_full=0.15, cpu_full=0.91, run_delay_full=0.23, throttled=0.8),
        "cpu_taken",
    ),
    "a little steal of many cores": (
        ill("native_pool", service_ratio=1.0, cpu_full=0.01, jobs_cpu=0.01, stolen=0.3, cores=32.0),
        "native_pool_too_small",
    ),
    "steal": (ill("native_pool", service_ratio=1.4, stolen=0.6), "cpu_taken"),
    "other programs have the cores": (
        blocked(loop_delay=0.5, loop_full=0.3, cpu_full=0.3, run_delay_full=0.8),
        "cpu_taken",
    ),
    "descriptors": (blocked(descriptors_share=0.97, loop_full=0.6), "descriptors"),
    "accept backlog": (ill("accept_backlog", backlog_share=0.9), "accept_backlog"),
    "downstream slow": (ill("outward.db", cpu_full=0.01), "downstream_slow"),
    "unbounded queue, impatient clients": (
        ill("native_pool", bounded=False, failed_share=0.6, decline=0.5, cpu_full=0.4, service_ratio=2.0),
        "unbounded_queue",
    ),
    "client is the bottleneck": (
        ill("unseen", generator_limited=True, loop_full=0.06),
        "client_bottleneck",
    ),
    "a loop full of short work": (blocked(), "loop_full"),
    "a loop full of short work, beside busy programs": (blocked(long_pass=0.02), "loop_full"),
    "what is not seen": (ill("unseen"), "unseen_queue"),
    "healthy": (replace(WELL, grows=False), "healthy"),
}


@pytest.mark.parametrize(("seen", "finding"), TABLE.values(), ids=TABLE.keys())
def test_truth_table(seen: Signals, finding: str) -> None:
    offered, _, _ = prescribe(seen)
    assert [one.id for one in offered] == [finding]


@pytest.mark.parametrize(("seen", "finding"), TABLE.values(), ids=TABLE.keys())
def test_a_finding_is_read_as_it_was_written(seen: Signals, finding: str) -> None:
    """Its figures are numbers, texts and, of the rule `healthy`, yes or no."""
    for found in prescribe(seen)[0]:
        assert decode(Finding, encode(found)) == found


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (blocked(loop_rest=0.99), "the loop was busy for 99% of the time without any load"),
        (blocked(loop_rest=0.1, stall_cause="busy wait"), "polling without a wait took most of the passes"),
        (
            blocked(stall_cause=None, gc_share=0.6),
            "garbage collections took 60% of the time in which the loop was busy",
        ),
        (blocked(stall_cause="gc", gc_share=0.05), "garbage collections took most of the passes"),
        (blocked(passes_per_request=208.0), "a request takes 208 passes of the loop"),
        (
            blocked(passes_per_request=3.0, stall_cause="many small steps"),
            "very many small steps took most of the passes",
        ),
        (ill("accept_backlog", backlog_share=0.9), "the accept backlog was 90% full"),
        (ill("accept_backlog", backlog_share=0.0), "ever more connections waited in the accept backlog"),
        (ill("native_pool", bounded=False, failed_share=0.6, decline=0.5, cpu_full=1.4), "replies fell by 50%"),
        (ill("native_pool", bounded=False, failed_share=0.6, decline=0.0, cpu_full=1.9), "60% of the requests failed$"),
        (ill("default_executor", capacity=6), "callers queue for the 6 threads of the default executor"),
        (ill("default_executor", capacity=None), "callers queue for the threads of the default executor"),
    ],
)
def test_a_finding_says_what_it_was_found_by(seen: Signals, said: str) -> None:
    because = [rule.because(seen) for rule in RULES if rule.explains(seen)]
    assert any(re.search(said, one) for one in because), because


def test_every_rule_is_in_the_table() -> None:
    assert {finding for _, finding in TABLE.values()} == {rule.id for rule in RULES}


def test_the_ids_are_those_of_the_files() -> None:
    assert [rule.id for rule in RULES if not rule.holds.__module__.endswith(rule.id)] == []


def test_a_later_step_is_named_and_not_offered() -> None:
    offered, later, _ = prescribe(blocked(long_pass=0.009, stall_cause="python", loop_rest=0.99, descriptors_share=0.9))
    assert [one.id for one in offered] == ["line_that_blocks"]
    assert later == ("busy_wait", "descriptors")


@pytest.mark.parametrize(("seen", "finding"), TABLE.values(), ids=TABLE.keys())
def test_a_rule_without_a_figure_it_needs_is_silent(seen: Signals, finding: str) -> None:
    rule = next(rule for rule in RULES if rule.id == finding)
    for name in rule.needs:
        less = replace(seen, **{name: None})
        offered, later, blind = prescribe(less)
        assert finding not in [*later, *(one.id for one in offered)]
        assert UNSEEN_FIGURES[name] in blind


@pytest.mark.parametrize("name", ["throttled", "stolen"])
def test_one_figure_of_several_is_enough_and_the_other_is_told_to_be_missing(name: str) -> None:
    (other,) = {"throttled", "stolen"} - {name}
    offered, _, blind = prescribe(replace(TABLE["steal"][0], **{name: 0.6, other: None}))
    assert [one.id for one in offered] == ["cpu_taken"]
    assert UNSEEN_FIGURES[other] in blind
    assert UNSEEN_FIGURES[name] not in blind


def test_only_possible_rules_are_blind() -> None:
    """What is missing for a rule that cannot be the reason is of no interest."""
    assert blind_to(replace(TABLE["worker pool too small"][0], stall_cause=None, passes_per_request=None)) == ()


def test_a_black_box_says_what_it_cannot_see() -> None:
    _, _, blind = prescribe(Signals(saturation=100.0))
    assert UNSEEN_FIGURES["kind"] in blind
    assert UNSEEN_FIGURES["stall_cause"] in blind


def test_a_finding_has_its_figures_and_its_doubt() -> None:
    (found,), _, _ = prescribe(TABLE["GIL hog"][0])
    assert found.figures["gil_wait"] == 0.18
    assert found.step == 5
    assert "18%" in found.because
    assert found.doubt
    assert found.fix


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("native_pool", "threads"),
        ("worker_pool.reports", "workers"),
        ("default_limiter", "limiter"),
        ("default_executor", "limiter"),
        ("ProcessPoolExecutor#2", "workers"),
        ("ThreadPoolExecutor-0", "threads"),
        ("outward.db", "outwards"),
        ("run_queue", "loop"),
        ("tickets", "threads"),
        (None, None),
    ],
)
def test_kind_of(name: str | None, kind: str | None) -> None:
    assert kind_of(name) == kind


def test_cores_that_other_programs_use_are_not_free_for_workers() -> None:
    seen, finding = TABLE["worker pool too small"]
    assert prescribe(replace(seen, free_cores=0.1))[0] == ()
    assert [one.id for one in prescribe(replace(seen, free_cores=None))[0]] == [finding], (
        "the other machine is not seen"
    )


def test_jobs_that_want_a_cpu_and_have_none_do_not_wait_for_something_else() -> None:
    seen, _ = TABLE["native pool too small"]
    assert prescribe(replace(seen, cpu_full=0.4, jobs_cpu=5.7))[0] == ()
    assert prescribe(replace(seen, cpu_full=0.3, jobs_cpu=0.8))[0] != ()


def test_a_generator_that_the_service_itself_keeps_from_running_is_not_the_limit() -> None:
    seen, finding = TABLE["client is the bottleneck"]
    assert finding == "client_bottleneck"
    assert prescribe(replace(seen, jobs_cpu=1.6))[0] == ()
