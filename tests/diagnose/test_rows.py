"""Unit (pure): a running service as rows, and the queue that fills first, from looks made by arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from trio_lab.diagnose.rows import WINDOW, first_full, queue_rows, utilization, watched
from trio_lab.records.codec import decode, encode
from trio_lab.records.examination import Sighting
from trio_lab.records.health import Health, Loop, ThreadCounts, WorkerCounts
from trio_lab.records.queue import QueueStatistics
from trio_lab.records.summary import Summary
from trio_lab.records.watching import Watched

STEP = 0.25


def times(count: int, mean: float) -> Summary:
    return Summary(count=count, mean=mean, p50=mean, p90=mean, p99=mean, p99_9=mean, max=mean)


def queue(
    name: str, waiting: int | None = 0, *, in_service: int = 4, capacity: int | None = 4, **more: Any
) -> QueueStatistics:
    return QueueStatistics(name=name, waiting=waiting, in_service=in_service, capacity=capacity, **more)


def health(*queues: QueueStatistics, busy: float | None = 0.1, passes: int = 100, mean: float | None = None) -> Health:
    mean = (busy or 0.0) * STEP / 100 if mean is None else mean
    return Health(
        runtime="trio",
        event_loop_mean_ms=20,
        event_loop_max_ms=20,
        threads=4,
        pool=WorkerCounts(workers=1, busy=0, queued=0, restarts=0),
        native_pool=ThreadCounts(threads=4, busy=0, abandoned=0, queued=0),
        loop=Loop(mean=mean, p50=mean, p99=mean, max=mean, utilization=busy, passes=passes, blind=None),
        profile="guarded",
        queues=queues,
    )


def looks(told: Callable[[int], Health], number: int = 12) -> list[Sighting]:
    """So many looks, four a second."""
    return [Sighting(at=at * STEP, health=told(at)) for at in range(number)]


def served(name: str, waiting: int, service: Callable[[int], float], at: int, **more: Any) -> QueueStatistics:
    """A queue that has served ten callers between any two looks, each in the ``service`` time of that moment."""
    total = sum(service(one) for one in range(at)) * 10
    return queue(name, waiting, service=times(10 * at, total / (10 * at) if at else 0.0), **more)


FULL, IDLE = queue("native_pool", 16), queue("native_pool", 0, in_service=1)
ADMITTED = queue("admission", 0, in_service=20, capacity=1000)
BACKLOG = queue("accept_backlog", 3, in_service=0, capacity=None)


@pytest.mark.parametrize(
    ("told", "first"),
    [
        (lambda at: health(ADMITTED, IDLE), "none"),
        (lambda at: health(ADMITTED, FULL), "native_pool"),
        (lambda at: health(ADMITTED, IDLE, busy=0.99), "run_queue"),
        (
            lambda at: health(ADMITTED, queue("native_pool", 3, in_service=3)),
            "none",
        ),  # a place is free: they are about to get it
        (lambda at: health(ADMITTED, FULL if at % 2 else IDLE), "none"),  # a burst that drains
        (lambda at: health(BACKLOG, IDLE), "accept_backlog"),
        (lambda at: health(BACKLOG, FULL), "native_pool"),
        (lambda at: health(queue("native_pool", 0, rejected=5 * at)), "native_pool"),  # nobody may wait
        (lambda at: health(queue("native_pool", 0, rejected=5)), "none"),  # that was long ago
        (lambda at: health(queue("native_pool", None)), "none"),
        (lambda at: health(FULL, busy=None), "native_pool"),
    ],
)
def test_the_queue_that_fills_first(told: Callable[[int], Health], first: str) -> None:
    seen = looks(told)
    assert first_full(seen) == first
    assert {row.name for row in queue_rows(seen, first) if row.first} == {first} - {"none", "run_queue"}


def test_of_full_queues_the_innermost_that_serves_as_fast_as_ever_is_the_first() -> None:
    def told(inner_is_slow: bool) -> Callable[[int], Health]:
        def at_look(at: int) -> Health:
            waiting = 5 if at >= 12 else 0
            outer = served("outer", waiting, lambda one: 0.3 if one >= 12 else 0.1, at)
            inner = served("inner", waiting, lambda one: 0.2 if inner_is_slow and one >= 12 else 0.05, at)
            return health(outer, inner, busy=0.2)

        return at_look

    assert first_full(looks(told(False), 24)) == "inner"
    assert first_full(looks(told(True), 24)) == "inner"  # both are slower, and the loop is not busy: the last of them


def test_a_pool_that_is_slow_because_the_loop_is_busy_is_not_the_first() -> None:
    def told(slower: float) -> Callable[[int], Health]:
        return lambda at: health(
            served("native_pool", 5 if at >= 12 else 0, lambda one: slower if one >= 12 else 0.05, at),
            busy=0.95 if at >= 12 else 0.1,
        )

    assert first_full(looks(told(0.5), 24)) == "run_queue"
    assert first_full(looks(told(0.05), 24)) == "native_pool"
    unknown = looks(lambda at: health(served("native_pool", 5, lambda one: 0.05, at), busy=0.95))
    assert first_full(unknown) == "native_pool"  # how fast it serves without a queue was never seen


def test_it_is_named_within_three_seconds_and_forgotten_as_soon() -> None:
    seen = looks(lambda at: health(FULL if 20 <= at < 60 else IDLE), 100)
    named = [first_full(seen[: at + 1]) for at in range(len(seen))]
    begin, end = named.index("native_pool"), len(named) - named[::-1].index("native_pool")
    assert (begin - 20) * STEP <= WINDOW < 3
    assert (end - 60) * STEP <= WINDOW


def test_too_few_looks_tell_nothing() -> None:
    assert first_full(looks(lambda at: health(FULL), 2)) is None
    assert first_full(looks(lambda at: health(FULL), 1)) is None
    assert watched([]).queues == ()


def test_the_utilization_is_that_of_the_time_between_looks() -> None:
    """Whether each look begins a window, or none does, or another reader resets it."""
    reset = looks(lambda at: health(busy=0.4))
    assert utilization(reset) == pytest.approx(0.4)
    kept = [
        Sighting(
            at=100 + at * STEP, health=health(busy=0.05, passes=1000 + 10 * at, mean=(1 + at * 0.2) / (1000 + 10 * at))
        )
        for at in range(8)
    ]
    assert utilization(kept) == pytest.approx(0.2 / STEP)
    another = [replace(kept[0], at=0.0), Sighting(at=STEP, health=health(busy=0.3, passes=5, mean=0.005))]
    assert utilization(another) == pytest.approx(0.3)


def test_a_look_that_comes_late_stands_for_the_time_in_which_the_loop_was_blocked() -> None:
    seen = [Sighting(at=0.0, health=health(busy=0.0)), Sighting(at=0.25, health=health(busy=0.0))]
    seen.append(Sighting(at=10.25, health=health(busy=1.0, passes=1, mean=10.0)))
    assert utilization(seen) == pytest.approx(10 / 10.25)
    assert first_full(seen) == "run_queue"


def test_rows_are_in_the_order_in_which_a_request_meets_them_with_their_trend() -> None:
    def told(at: int) -> Health:
        pool = queue(
            "native_pool", 2 * at, wait=times(10 * at, 0.1 * at / 2), timed_out=at, rejected=0, max_waiting=1000
        )
        return health(BACKLOG, pool, replace(ADMITTED, waiting=0))

    seen = looks(told)
    rows = queue_rows(seen, "native_pool")
    assert [row.name for row in rows] == ["accept_backlog", "admission", "native_pool"]
    last = rows[-1]
    assert (last.trend, last.waiting, last.max_waiting, last.capacity) == ("rises", 22, 1000, 4)
    assert last.growth == pytest.approx(3 / STEP)
    assert last.lost == pytest.approx(1 / STEP)
    assert last.wait is not None
    assert [row.trend for row in rows[:2]] == ["steady", "steady"]


def test_what_is_watched_can_be_written_and_read() -> None:
    found = watched(looks(lambda at: health(ADMITTED, FULL)), silent=1.5, notes=["nothing"])
    read = decode(Watched, encode(found))
    assert (read.first_full, read.silent, read.notes) == ("native_pool", 1.5, ("nothing",))
    assert [row.first for row in read.queues] == [False, True]
