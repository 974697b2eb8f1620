"""What holds requests up while the loop passes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trio_lab.diagnose.rows import first_full
from trio_lab.live.holding_up import cause_of, refuses
from trio_lab.live.verdict import verdict
from trio_lab.records.examination import Sighting
from trio_lab.records.health import Health, Loop, StallFigures, ThreadCounts, Usage, WorkerCounts
from trio_lab.records.queue import QueueStatistics


def held_up_by(looks: list[Sighting]) -> str | None:
    first = first_full(looks) if looks else None
    return None if first == "none" else first


def queue(name: str, in_service: int, waiting: int = 0, capacity: int | None = 4) -> QueueStatistics:
    return QueueStatistics(name=name, capacity=capacity, in_service=in_service, waiting=waiting, max_waiting=8)


def look(at: float, *queues: QueueStatistics, busy: float = 0.1, stalls: float = 0.0) -> Sighting:
    row = StallFigures(
        filename="a.py", lineno=4, function="f", cause="python", count=3, total=stalls, longest=0.3, awaits=0.0
    )
    loop = Loop(mean=0.001, p50=0.001, p99=0.002, max=0.3, utilization=busy, passes=100, blind=None)
    health = Health(
        runtime="trio",
        event_loop_mean_ms=None,
        event_loop_max_ms=None,
        threads=4,
        pool=WorkerCounts(workers=1, busy=0, queued=0, restarts=0),
        native_pool=ThreadCounts(threads=4, busy=0, abandoned=0, queued=0),
        loop=loop,
        profile="",
        queues=queues,
        usage=Usage(elapsed=at, cpu=0.1 * at, cores=2.0),
        stalls=(row,),
    )
    return Sighting(at=at, health=health)


_FREE, _FULL = queue("native_pool", 1), queue("native_pool", 4, 5)
_INNER, _OUTER = queue("limiter", 4, 1), queue("admission", 4, 9)
_BEHIND, _DATABASE = queue("jobs", 2, 40, capacity=None), queue("database", 4, 3)
_FEW, _MANY = queue("outward.db", 1, capacity=None), queue("outward.db", 5, capacity=None)


@pytest.mark.parametrize(
    ("looks", "name", "cause"),
    [
        ([[_FREE], [_FREE]], None, None),
        ([[_FULL], [_FULL]], "native_pool", "native pool full"),
        ([[_FREE], [_FULL]], None, None),
        ([[queue("native_pool", 4)], [queue("native_pool", 4)]], None, None),
        ([[_FULL, _INNER], [_FULL, _INNER]], "limiter", "limiter full"),
        ([[_OUTER, _FULL], [_OUTER, _FULL]], "native_pool", "native pool full"),
        ([[_OUTER], [_OUTER]], "admission", "admission full"),
        ([[_FULL, _MANY], [_FULL, _MANY]], "outward.db", "downstream slow"),
        ([[_FEW], [_FEW]], None, None),
        ([[_FREE, _DATABASE], [_FREE, _DATABASE]], "database", "database pool full"),
        ([[_FREE, _BEHIND], [_FREE, _BEHIND]], "jobs", "background jobs wait"),
        ([[_FULL, _BEHIND], [_FULL, _BEHIND]], "native_pool", "native pool full"),
    ],
)
def test_names_the_innermost_full_queue(
    looks: list[list[QueueStatistics]], name: str | None, cause: str | None
) -> None:
    found = held_up_by([look(10.0 + at / 2, *queues) for at, queues in enumerate(looks)])
    assert found == name
    assert (None if found is None else cause_of(found)) == cause


def test_a_single_look_is_not_enough() -> None:
    assert held_up_by([]) is None
    assert held_up_by([look(1.0, _FULL)]) is None


def test_many_calls_outwards_are_usual_where_there_were_as_many_before() -> None:
    assert held_up_by([look(at / 2, _MANY) for at in range(20)]) is None


def test_a_busy_loop_holds_requests_up_unless_a_queue_is_full() -> None:
    assert held_up_by([look(at, _FREE, busy=0.95) for at in (1.0, 1.5)]) == "run_queue"
    assert held_up_by([look(at, _FULL, busy=0.95) for at in (1.0, 1.5)]) == "native_pool"
    assert cause_of("run_queue") == "loop full"


def test_a_queue_whose_waiting_room_is_full_refuses() -> None:
    assert refuses([look(1.0, queue("native_pool", 4, 8))]) == "native_pool"
    assert refuses([look(1.0, queue("native_pool", 3, 8))]) == "native_pool"  # a worker is just being replaced
    assert refuses([look(1.0, _FULL)]) is None
    assert refuses([look(1.0, queue("native_pool", 20, 0))]) is None  # its limit has fallen below what it holds
    assert refuses([look(1.0, queue("jobs", 3, 6, capacity=None))]) is None
    assert refuses([look(1.0, queue("jobs", 3, 8, capacity=None))]) == "jobs"
    assert refuses([]) is None


@pytest.mark.parametrize(("in_service", "capacity", "full"), [(4, 4, True), (3, 4, False), (3, None, False)])
def test_a_queue_where_nobody_may_wait_refuses_while_no_place_is_free(
    in_service: int, capacity: int | None, full: bool
) -> None:
    one = replace(queue("native_pool", in_service, 0, capacity), max_waiting=0)
    assert refuses([look(1.0, one)]) == ("native_pool" if full else None)


def test_the_doctor_names_a_line_that_blocks() -> None:
    looks = [look(at / 2, _FREE, busy=0.97, stalls=at * 0.4) for at in range(10)]
    found = verdict(looks, "run_queue")
    assert found is not None
    assert found.first_full == "run_queue"
    assert [one.id for one in found.findings] == ["line_that_blocks"]
    assert "a.py:4 in f" in found.verdict


def test_the_doctor_says_nothing_of_a_quiet_service() -> None:
    found = verdict([look(at / 2, _FREE) for at in range(10)], None)
    assert found is not None
    assert (found.verdict, found.findings) == ("No queue holds requests up.", ())
    assert verdict([look(1.0, _FREE)], None) is None


def test_waiting_jobs_hold_no_request_up() -> None:
    found = verdict([look(at / 2, _FREE, _BEHIND) for at in range(10)], "jobs")
    assert found is not None
    assert found.verdict.startswith("Background jobs wait, and no queue holds requests up")
