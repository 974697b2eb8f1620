"""Unit: what a load phase found, from its three sides."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from trio_lab.records.load import Counts
from trio_lab.records.queue import QueueStatistics
from trio_lab.stage.load_step import step_of
from trio_lab.stage.loaded import LEAD, Loaded, ended_between

from ..diagnose.services import Sick
from ..records.loads import RESULT


def loaded(*asked: tuple[float, float], ok: int = 0, jobs: int | None = None) -> Loaded:
    """``asked``: when each probe was asked, from the start of the load, and how long it took."""
    probe = replace(RESULT, samples=tuple((LEAD + begun + took, took) for begun, took in asked))
    load = replace(RESULT, requests=Counts(ok=ok))
    return Loaded(
        load=load,
        probe=probe,
        step=step_of(RESULT, 0.0, []),
        cpu=0.0,
        jobs={} if jobs is None else {"native_pool": jobs},
    )


def test_probes_before_the_load_do_not_count() -> None:
    run = loaded((-0.3, 9.0), (1.0, 0.5), (0.5, 0.25))
    assert [pytest.approx(point) for point in run.health_points()] == [(0.5, 0.25), (1.0, 0.5)]
    assert (run.health.p50, run.health.max) == (pytest.approx(0.25), pytest.approx(0.5))
    assert run.health_p99_ms == pytest.approx(500)


def test_a_hundred_probes_have_the_ninety_ninth_as_their_p99() -> None:
    assert loaded(*((n / 50, float(n)) for n in range(1, 101))).health.p99 == pytest.approx(99)


def test_without_an_answer_health_is_infinitely_late() -> None:
    assert loaded().health.p99 == math.inf


@pytest.mark.parametrize(("ok", "jobs", "share"), [(30, 100, 0.7), (100, 100, 0.0), (101, 100, 0.0), (0, None, None)])
def test_work_for_clients_that_left(ok: int, jobs: int | None, share: float | None) -> None:
    assert loaded(ok=ok, jobs=jobs).wasted("native_pool") == share


def test_a_queue_that_was_opened_under_the_load_ended_all_its_jobs_there() -> None:
    begin = replace(Sick(queues={}).health(0, 0), queues=(QueueStatistics(name="native_pool", completions=5),))
    jobs = QueueStatistics(name="jobs", completions=3)
    end = replace(
        begin, queues=(QueueStatistics(name="native_pool", completions=7), jobs, QueueStatistics(name="unseen"))
    )
    assert ended_between(begin, end) == {"native_pool": 2, "jobs": 3}
