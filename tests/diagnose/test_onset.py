"""Unit: the queue that fills first is found by what gathers where, not by how full or how long a queue is."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from trio_lab.diagnose.growth import grown, offered_growth
from trio_lab.diagnose.onset import first_to_fill
from trio_lab.records.examination import Examination, Sighting, Step
from trio_lab.records.queue import QueueStatistics

from .ramps import PIECE, SERVICES, ramp
from .services import Sick, Tank


def busy_loop(share: float) -> float:
    return min(1.0, share)


CASES = {
    "one pool": (Sick(queues={"native_pool": Tank(share=1.0), "worker_pool": Tank()}), "native_pool"),
    "it refuses": (Sick(queues={"native_pool": Tank(share=1.0, refuses=True)}), "native_pool"),
    "before the app": (Sick(queues={"native_pool": Tank()}, busy=busy_loop), "run_queue"),
    "the accept backlog": (
        Sick(queues={"accept_backlog": Tank(share=1.0, capacity=None), "native_pool": Tank()}),
        "accept_backlog",
    ),
    "what is not seen": (Sick(queues={"native_pool": Tank()}), "unseen"),
    "a background pool that is always full": (
        Sick(queues={"background": Tank(always=2, capacity=1), "native_pool": Tank(share=1.0)}),
        "native_pool",
    ),
    "a place held around a smaller inner queue, which fills": (
        Sick(queues={"outer": Tank(capacity=20, slower=1.3), "inner": Tank(share=1.0, capacity=3)}),
        "inner",
    ),
    "a place held around an inner queue that is full": (
        Sick(
            queues={
                "outer": Tank(share=1.0, after=0.1, capacity=20, slower=7.0),
                "inner": Tank(share=5.0, room=17, capacity=3),
            }
        ),
        "inner",
    ),
    "two in series": (Sick(queues={"six": Tank(capacity=6), "three": Tank(share=1.0, capacity=3)}), "three"),
    "work that computes slows itself": (Sick(queues={"native_pool": Tank(share=1.0, slower=9.3)}), "native_pool"),
    "a call outwards": (
        Sick(queues={"native_pool": Tank(), "outward.db": Tank(share=1.0, capacity=None, in_service_grows=True)}),
        "outward.db",
    ),
    "no view inside": (Sick(queues={"native_pool": Tank(share=1.0)}, blind=True), None),
}


@pytest.mark.parametrize(("service", "name"), CASES.values(), ids=CASES.keys())
def test_first_to_fill(service: Sick, name: str | None) -> None:
    found = first_to_fill(service.examination())
    assert found.name == name
    assert found.confidence is None if name is None else (found.confidence or 0) >= 0.8


def test_nothing_grows_below_the_load() -> None:
    service = Sick(queues={"native_pool": Tank(share=1.0, always=5)}, limit=1000.0)
    steps = tuple(service.step(rate, nominal=rate, number=number) for number in range(3) for rate in (100.0, 200.0))
    found = first_to_fill(Examination(url="", probe="", budget=1.0, steps=steps))
    assert found.name == "none"
    assert all(queue.onset_load is None for queue in found.queues)


def test_the_onset_is_where_growth_begins() -> None:
    found = first_to_fill(CASES["one pool"][0].examination())
    growth = found.growth()
    assert growth is not None
    assert growth.onset_load == pytest.approx(100, rel=0.02)
    assert growth.growth == pytest.approx(30, rel=0.1)
    low, high = growth.onset_interval or (0, 0)
    assert low <= 100.5
    assert high >= 99.5
    assert growth.service_ratio == pytest.approx(1.0, rel=0.01)


@pytest.mark.parametrize("case", ["before the app", "a call outwards", "it refuses"])
def test_every_kind_of_first_queue_has_an_onset(case: str) -> None:
    growth = first_to_fill(CASES[case][0].examination()).growth()
    assert growth is not None
    assert growth.onset_load == pytest.approx(100, rel=0.02)


def test_a_full_queue_that_does_not_grow_has_no_onset() -> None:
    found = first_to_fill(CASES["a background pool that is always full"][0].examination())
    background = next(queue for queue in found.queues if queue.name == "background")
    assert background.onset_load is None
    assert background.growth == 0


def test_one_round_is_less_sure_than_four() -> None:
    service = CASES["one pool"][0]
    once, often = (first_to_fill(service.examination(rounds=rounds)).confidence or 0 for rounds in (1, 4))
    assert once <= 0.5 < often


def test_a_queue_seen_once_tells_nothing() -> None:
    step = CASES["one pool"][0].step(130.0)
    assert grown(step, "native_pool") is not None
    assert grown(step, "unheard") is None


def test_a_closed_step_offers_what_is_answered() -> None:
    examination = CASES["one pool"][0].examination()
    assert [offered_growth(step) for step in examination.of("ladder")] == [0.0]


def test_without_a_ramp_nothing_is_said() -> None:
    assert first_to_fill(Examination(url="", probe="", budget=1.0)).name is None


def test_a_second_queue_that_fills_at_a_higher_load_is_not_the_first() -> None:
    """A pool bears 100/s. Above 120/s the loop is full as well, and at 130/s it holds more than the pool does."""
    pool = Sick(queues={"native_pool": Tank(share=1.0)})
    both = Sick(queues={"native_pool": Tank(share=0.2)}, busy=lambda share: 1.0)
    examination = pool.examination()
    steps = [
        both.step(130.0, nominal=1.3, number=step.round) if step.nominal == 1.3 else step for step in examination.steps
    ]
    assert first_to_fill(replace(examination, steps=tuple(steps))).name == "native_pool"


@pytest.mark.parametrize(
    ("probe", "busy", "name"),
    [(0.003, 0.8, "unseen"), (0.03, 0.8, "run_queue"), (0.03, 0.4, "unseen")],
    ids=["it does not wait", "it waits", "it waits, and the loop is idle"],
)
def test_what_no_queue_accounts_for_is_before_the_app_if_a_cheap_url_waits_too(
    probe: float, busy: float, name: str
) -> None:
    examination = replace(CASES["what is not seen"][0], busy=lambda share: busy).examination()
    steps = tuple(replace(step, probe=probe) if step.part == "ramp" else step for step in examination.steps)
    assert first_to_fill(replace(examination, steps=steps)).name == name


def test_one_disturbed_step_does_not_make_a_rate_too_much() -> None:
    sick = Sick(queues={"native_pool": Tank(share=1.0), "run_queue": Tank(capacity=1)})
    slow = replace(
        sick, limit=40.0, queues={"native_pool": Tank(), "run_queue": Tank(capacity=1)}, busy=lambda share: 1.0
    )
    examination = sick.examination()
    steps = [
        slow.step(100.0, nominal=1.0, number=1) if (step.nominal, step.round) == (1.0, 1) else step
        for step in examination.steps
    ]
    assert first_to_fill(replace(examination, steps=tuple(steps))).name == "native_pool"


def test_jobs_that_share_the_cpu_grow_in_their_pool_before_it_is_full() -> None:
    wide = Sick(queues={"run_queue": Tank(capacity=1), "pool": Tank(share=1.0, capacity=400, in_service_grows=True)})
    assert first_to_fill(wide.examination()).name == "pool"
    assert first_to_fill(replace(wide, busy=lambda share: 1.0).examination()).name == "run_queue"


@pytest.mark.parametrize(("slower", "name"), [(2.5, "pool"), (1.0, "unseen")])
def test_jobs_that_shared_the_cpu_already_when_a_step_began(slower: float, name: str) -> None:
    """Nothing grows there during the step, but requests spend most of their time in it."""
    wide = Sick(queues={"run_queue": Tank(capacity=1, slower=9.0), "pool": Tank(capacity=16, slower=slower)})
    assert first_to_fill(wide.examination()).name == name


def test_a_service_too_busy_to_be_seen_at_the_highest_rate_is_judged_by_the_one_before() -> None:
    examination = Sick(queues={"pool": Tank(share=1.0, slower=3.0)}).examination()
    top = max(step.rate or 0.0 for step in examination.steps)
    steps = (replace(step, sightings=()) if step.rate == top else step for step in examination.steps)
    growth = first_to_fill(replace(examination, steps=tuple(steps))).growth()
    assert growth is not None
    assert growth.service_ratio == pytest.approx(3.0, rel=0.01)


@pytest.mark.parametrize(("busy", "name"), [(0.97, "run_queue"), (0.5, None)])
def test_a_loop_that_answers_only_when_a_step_is_over(busy: float, name: str | None) -> None:
    examination = Sick(queues={"pool": Tank()}, busy=lambda share: busy).examination()

    def late(step: Step) -> Step:
        looks = (replace(look, at=look.at + step.duration) for look in step.sightings)
        return replace(step, sightings=tuple(looks)) if step.part == "ramp" else step

    examination = replace(examination, steps=tuple(map(late, examination.steps)))
    assert first_to_fill(examination).name == name


_NOTHING = Sick(queues={}).health(0.0, 0.0)


def with_queue(step: Step) -> Step:
    """The step of a simulated service, with looks at what waits there."""
    sightings = []
    for number in range(9):
        at = step.duration * number / 8
        ended = sum(piece.ok for piece in step.pieces if piece.at + PIECE <= at + 1e-9)
        waiting = round((step.rate or 0.0) * at) - ended
        queue = QueueStatistics(name="pool", capacity=1, in_service=1, waiting=max(0, waiting), rejected=0)
        sightings.append(Sighting(at=at, health=replace(_NOTHING, queues=(queue,))))
    return replace(step, sightings=tuple(sightings))


def test_the_interval_of_the_onset_holds_the_true_load_as_often_as_it_says() -> None:
    dice, service, hits, count = random.Random(2), SERVICES["three servers"], 0, 0
    for _ in range(100):
        steps = tuple(map(with_queue, ramp(service, dice)))
        growth = first_to_fill(Examination(url="", probe="", budget=1.0, steps=steps)).growth()
        if growth is not None and growth.onset_interval is not None:
            low, high = growth.onset_interval
            hits, count = hits + (low <= service.rate <= high), count + 1
    assert count >= 90
    assert hits / count >= 0.9  # without regard to the drift of the machine it is 0.88
