"""Unit (pure): judgement as tables that can be read aloud."""

from __future__ import annotations

import pytest

from trio_lab.diagnose.first_full import RULES, first_full
from trio_lab.diagnose.fullness import bound_reached
from trio_lab.diagnose.judge import checked, judge, passes
from trio_lab.diagnose.knee import knee
from trio_lab.records.figures import Check
from trio_lab.records.health import Health, Loop, ThreadCounts, WorkerCounts
from trio_lab.records.queue import QueueStatistics


@pytest.mark.parametrize(
    ("measured", "relation", "bound", "verdict"),
    [
        (24.9, "<", 25, True),
        (25.0, "<", 25, False),
        (25.0, "<=", 25, True),
        (0.96, ">=", 0.95, True),
        (1.0, ">", 1.0, False),
        (None, "<", 25, None),
        (float("nan"), "<", 25, None),
    ],
)
def test_passes(measured: float | None, relation: str, bound: float, verdict: bool | None) -> None:
    assert passes(measured, relation, bound) is verdict


def test_an_unknown_relation_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="relation"):
        passes(1.0, "~", 1.0)


FIGURES = {"small": 1.0, "large": 3.0, "unknown": None}
GOOD, BAD, OPEN = (Check(claim=name, figure=name, relation="<", bound=2.0) for name in FIGURES)


@pytest.mark.parametrize(
    ("checks", "outcome"),
    [
        ([GOOD, GOOD], "confirmed"),
        ([GOOD, BAD], "refuted"),
        ([GOOD, OPEN], "undecided"),
        ([BAD, OPEN], "refuted"),  # one failure refutes, whatever is missing beside it
        ([], "undecided"),
    ],
)
def test_judge(checks: list[Check], outcome: str) -> None:
    found = checked(checks, FIGURES)
    assert [check.measured for check in found] == [FIGURES[check.figure] for check in checks]
    assert judge(found) == outcome


@pytest.mark.parametrize(
    ("points", "at"),
    [
        ([(1, 10), (2, 20), (4, 20), (8, 19)], 2),  # flat from two on
        ([(1, 10), (2, 20), (4, 40), (8, 80)], 8),  # still growing
        ([(8, 80), (1, 79)], 1),  # order does not matter; within a tenth of the best
        ([(1, 89), (2, 90), (4, 100)], 2),  # nine tenths of the best are enough
        ([], None),
    ],
)
def test_knee(points: list[tuple[float, float]], at: float | None) -> None:
    assert knee(points) == at


def sample(loop: float | None = 0.1, backlog: int = 3, **queues: tuple[int, int, int]) -> Health:
    """A server at one moment; queues as name=(capacity, in service, waiting)."""
    return Health(
        runtime="trio",
        event_loop_mean_ms=0,
        event_loop_max_ms=0,
        threads=4,
        pool=WorkerCounts(workers=1, busy=0, queued=0, restarts=0),
        native_pool=ThreadCounts(threads=4, busy=0, abandoned=0, queued=0),
        loop=Loop(mean=None, p50=None, p99=None, max=None, utilization=loop, passes=None, blind=None),
        profile="guarded",
        queues=(
            QueueStatistics(name="accept_backlog", waiting=backlog, max_waiting=100),
            QueueStatistics(name="run_queue", capacity=1),
            *(QueueStatistics(name=n, capacity=c, in_service=s, waiting=w) for n, (c, s, w) in queues.items()),
        ),
    )


IDLE = sample(native_pool=(4, 1, 0), worker_pool=(1, 0, 0))
NATIVE = sample(native_pool=(4, 4, 9), worker_pool=(1, 0, 0))
WORKER = sample(native_pool=(4, 1, 0), worker_pool=(1, 1, 2))
BOTH = sample(native_pool=(4, 4, 9), worker_pool=(1, 1, 2))
LOOP = sample(0.97, native_pool=(4, 4, 9))


@pytest.mark.parametrize(
    ("samples", "name"),
    [
        ([IDLE, IDLE, IDLE], "none"),
        ([IDLE, NATIVE, IDLE, NATIVE, IDLE], "none"),  # bursts that drain
        ([NATIVE, IDLE, IDLE], "none"),
        ([IDLE, NATIVE, NATIVE], "native_pool"),
        ([WORKER, BOTH, BOTH], "worker_pool"),  # it was first, though both are full at the end
        ([LOOP, LOOP], "run_queue"),  # met before the pool, full at the same time
        ([sample(native_pool=(4, 4, 0))] * 3, "none"),  # busy, and nobody waits
        ([sample(native_pool=(4, 3, 9))] * 3, "none"),  # some wait, and a place is free
        ([sample(0.89)] * 3, "none"),
        ([sample(None)] * 3, "none"),  # not observed is not busy
        ([sample(0.90)] * 2, "run_queue"),
        ([sample(backlog=99)] * 3, "none"),
        ([sample(0.97, native_pool=(4, 4, 0))] * 2, "run_queue"),  # the loop's rule is for its own queue alone
        ([sample(backlog=100), sample(backlog=101)], "accept_backlog"),  # as many wait as may
        ([NATIVE], None),  # one look tells nothing
        ([], None),
    ],
)
def test_first_full(samples: list[Health], name: str | None) -> None:
    assert first_full(samples) == name


@pytest.mark.parametrize(
    ("seen", "rule"),
    [
        (sample(native_pool=(4, 4, 1)), "every_place_taken"),
        (sample(backlog=100), "bound_reached"),
        (sample(0.9), "loop_busy"),
    ],
)
def test_each_rule_decides_alone(seen: Health, rule: str) -> None:
    deciding = [one.__module__ for one in RULES if any(one(queue, seen) for queue in seen.queues)]
    assert deciding == [f"trio_lab.diagnose.fullness.{rule}"]


@pytest.mark.parametrize(
    ("waiting", "bound", "full"),
    [(3, 3, True), (2, 3, False), (0, 0, False), (1, 0, True), (1, 1, True), (None, 3, False), (9, None, False)],
)
def test_a_bound_is_reached_by_those_that_wait(waiting: int | None, bound: int | None, full: bool) -> None:
    queue = QueueStatistics(name="own_queue", waiting=waiting, max_waiting=bound)
    assert bound_reached.is_full(queue, IDLE) is full


def test_a_queue_that_was_never_heard_of_is_found_by_its_name() -> None:
    samples = [sample(own_queue=(1, 1, 3), native_pool=(4, 1, 0))] * 2
    assert first_full(samples) == "own_queue"
    assert samples[0].queue("own_queue").waiting == 3
    with pytest.raises(KeyError, match="no queue is called 'other'; there are accept_backlog, run_queue, own_queue"):
        samples[0].queue("other")
