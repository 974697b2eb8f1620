"""Unit (pure): the queue that takes in the callers of one load, closed or open."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trio_lab.diagnose.gathering import agreed, first_of, first_to_gather, gathers_from
from trio_lab.records.examination import Piece, Sighting, Step
from trio_lab.records.health import Health, Loop, ThreadCounts, WorkerCounts
from trio_lab.records.queue import QueueStatistics


def sample(loop: float | None = 0.1, backlog: int = 3, **queues: tuple[int | None, int, int]) -> Health:
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


IDLE = sample(native_pool=(4, 0, 0), worker_pool=(1, 0, 0))
NATIVE = sample(native_pool=(4, 4, 9), worker_pool=(1, 0, 0))
WORKER = sample(native_pool=(4, 1, 0), worker_pool=(1, 1, 9))
NESTED = sample(native_pool=(4, 4, 9), worker_pool=(1, 1, 3))
LOOP = sample(0.97, native_pool=(4, 4, 0))
ALWAYS = sample(native_pool=(4, 4, 9))
OUT = sample(native_pool=(4, 0, 0), outward=(None, 13, 0))


def load(*looks: Health, before: Health | None = IDLE, clients: int = 13) -> Step:
    """A closed load of a second, looked at every tenth, once before it."""
    seen = [Sighting(at=-0.05, health=before)] if before else []
    seen += [Sighting(at=0.05 + number / 10, health=health) for number, health in enumerate(looks)]
    return Step(part="load", clients=clients, duration=1.0, sightings=tuple(seen))


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (load(*[NATIVE] * 9), "native_pool"),
        (load(*[WORKER] * 9), "worker_pool"),
        (load(*[NESTED] * 9), "worker_pool"),  # the inner one: a place outside is held for its wait
        (load(*[ALWAYS] * 9, before=ALWAYS), "none"),  # full, at any load
        (load(*[IDLE] * 7, *[NATIVE] * 2), "native_pool"),  # on the mean more than a tenth of the callers
        (load(*[IDLE] * 8, sample(native_pool=(4, 4, 2))), "none"),  # a burst that drains
        (load(*[sample(native_pool=(4, 4, 0))] * 9), "none"),  # busy, and no one waits
        (load(*[LOOP] * 9), "run_queue"),
        (load(*[sample(0.97, native_pool=(4, 4, 9))] * 9), "native_pool"),  # most callers wait there
        (load(*[sample(0.97, native_pool=(4, 4, 3))] * 9), "run_queue"),  # and here before the app
        (load(*[sample(0.84)] * 9), "none"),
        (load(*[sample(None)] * 9), "none"),  # not observed is not busy
        (load(*[sample(backlog=3)] * 9), "none"),
        (load(*[sample(backlog=16)] * 9), "accept_backlog"),
        (load(*[OUT] * 9, before=sample(native_pool=(4, 0, 0), outward=(None, 0, 0))), "outward"),
        (load(NATIVE, before=None), None),  # one look tells nothing
        (load(), None),
    ],
)
def test_first_to_gather(step: Step, name: str | None) -> None:
    assert first_to_gather(step) == name


def refusing(count: int) -> Health:
    """A pool that has refused so many callers, and lets none wait."""
    [*others, pool] = sample(native_pool=(4, 4, 0)).queues
    return replace(IDLE, queues=(*others, replace(pool, rejected=count)))


def test_callers_that_were_refused_count_as_taken_in() -> None:
    looks = [refusing(100 + 10 * number) for number in range(1, 10)]
    assert first_to_gather(load(*looks, before=refusing(100))) == "native_pool"
    assert first_to_gather(load(*[refusing(100)] * 9, before=refusing(100))) == "none"  # refused before


def opened(answered: int, *looks: Health) -> Step:
    """100 callers in a second, of which so many were answered."""
    pieces = tuple(Piece(at=number / 10, ok=answered // 10, failed=0) for number in range(10))
    return replace(load(*looks), rate=100.0, pieces=pieces)


def test_an_open_load_that_is_answered_fills_nothing_however_busy_the_loop_is() -> None:
    assert first_to_gather(opened(100, *[sample(0.99)] * 9)) == "none"


def test_callers_of_an_open_load_that_are_nowhere_wait_where_nothing_is_seen() -> None:
    assert first_to_gather(opened(60, *[IDLE] * 9)) is None
    assert first_to_gather(opened(60, *[sample(native_pool=(4, 4, 5 * n)) for n in range(9)])) == "native_pool"


def test_callers_that_are_served_when_an_open_load_ends_are_not_lost() -> None:
    """Calls of 0.2 s at 100/s: 20 are in service when the load ends."""
    step = opened(0, *[sample(native_pool=(64, 20, 3))] * 9)
    pieces = tuple(Piece(at=0.2 + number / 10, ok=10, failed=0) for number in range(8))
    assert first_to_gather(replace(step, pieces=pieces)) == "none"


def test_a_look_from_long_before_is_not_compared_with() -> None:
    step = load(*[NATIVE] * 9, before=None)
    old = Sighting(at=-3.0, health=IDLE)
    assert first_to_gather(replace(step, sightings=(old, *step.sightings))) == "none"


def test_looks_after_the_load_do_not_count() -> None:
    step = load(*[IDLE] * 9)
    late = tuple(Sighting(at=1.1 + n / 10, health=NATIVE) for n in range(9))
    assert first_to_gather(replace(step, sightings=(*step.sightings, *late))) == "none"


def test_a_look_that_a_blocked_loop_answers_after_the_load_tells_of_it() -> None:
    """Its clients' requests end late as well."""
    late = Sighting(at=1.3, health=sample(0.99))
    step = replace(load(), sightings=(*load().sightings, late))
    assert first_to_gather(step) is None
    assert first_to_gather(replace(step, pieces=(Piece(at=1.4, ok=1, failed=0),))) == "run_queue"


@pytest.mark.parametrize(
    ("looks", "name", "at"),
    [
        ([IDLE, IDLE, NATIVE, NATIVE], "native_pool", 0.25),
        ([NATIVE, IDLE, NATIVE, NATIVE], "native_pool", 0.25),  # from which on, and not when for the first time
        ([NATIVE, NATIVE], "native_pool", 0.05),
        ([IDLE, IDLE], "native_pool", None),
        ([IDLE, LOOP, LOOP], "run_queue", 0.15),
        ([IDLE, IDLE], "run_queue", None),
    ],
)
def test_the_moment_from_which_on_callers_gather(looks: list[Health], name: str, at: float | None) -> None:
    assert gathers_from(load(*looks), name) == (None if at is None else pytest.approx(at))


def test_of_several_loads_the_first_that_fills_a_queue_decides() -> None:
    idle, native, worker = load(*[IDLE] * 9), load(*[NATIVE] * 9), load(*[WORKER] * 9)
    assert first_of([idle, worker, native]) == "worker_pool"
    assert first_of([idle, idle]) == "none"
    assert first_of([load(), load()]) is None


def test_an_admission_is_in_front_of_the_pools_wherever_it_is_told() -> None:
    full = sample(native_pool=(4, 4, 9), admission=(20, 20, 9))
    assert (
        first_to_gather(load(*[full] * 9, before=sample(native_pool=(4, 0, 0), admission=(20, 0, 0)))) == "native_pool"
    )


def test_an_admission_without_a_limit_is_no_call_outwards() -> None:
    inside = sample(0.5, native_pool=(4, 1, 0), admission=(None, 13, 0))
    assert first_to_gather(load(*[inside] * 9, before=sample(native_pool=(4, 0, 0), admission=(None, 0, 0)))) == "none"


def test_rounds_agree_on_a_name() -> None:
    name, sure = agreed(["native_pool", "native_pool", None, "none", "native_pool"])
    assert name == "native_pool"
    assert 0.5 < (sure or 0) < (agreed(["native_pool"] * 4)[1] or 0) < 1
    assert agreed([None, None]) == (None, None)


def test_a_queue_that_was_never_heard_of_is_found_by_its_name() -> None:
    full = sample(own_queue=(1, 1, 3), native_pool=(4, 1, 0))
    assert first_to_gather(load(*[full] * 9, before=sample(own_queue=(1, 0, 0)), clients=4)) == "own_queue"
    assert full.queue("own_queue").waiting == 3
    with pytest.raises(KeyError, match="no queue is called 'other'; there are accept_backlog, run_queue, own_queue"):
        full.queue("other")
