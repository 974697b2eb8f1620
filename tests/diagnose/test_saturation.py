"""Unit: the saturation load of simulated services, and how sure it is."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from trio_lab.diagnose.mean_interval import mean_interval
from trio_lab.diagnose.saturation import Saturation, busy, last_rounds, more_seconds, saturation
from trio_lab.records.examination import Piece, Step

from .ramps import NOMINAL, SERVICES, Machine, Service, covered, ramp

STEADY = Service(rate=100, drift=0.0)


def steady_ramp(service: Service = STEADY, **options: float) -> list[Step]:
    return ramp(service, random.Random(1), **options)  # type: ignore[arg-type]


def test_exact_for_a_steady_machine() -> None:
    found = saturation(steady_ramp())
    assert found is not None
    assert found.load == pytest.approx(100, rel=0.01)
    assert found.rounds == 5
    assert found.decline == 0


def test_the_interval_holds_the_true_load_as_often_as_it_says() -> None:
    shares = [covered(service, 40, rounds=5, seconds=0.8, seed=3) for service in SERVICES.values()]
    assert 0.88 <= sum(shares) / len(shares) <= 0.99  # 500 ramps of each: `python -m tests.diagnose.ramps`


@pytest.mark.parametrize("kind", ["fixed", "exponential", "lognormal"])
def test_a_service_at_nine_tenths_of_its_load_is_not_saturated(kind: str) -> None:
    dice = random.Random(3)
    service = Service(rate=100, kind=kind)
    for _ in range(20):
        machine = Machine(service, dice)
        steps = [
            machine.step(90 * nominal / NOMINAL[-1], 0.8, nominal=nominal, number=number)
            for number in range(4)
            for nominal in NOMINAL
        ]
        assert saturation(steps) is None


def test_without_whole_steps_there_is_no_answer() -> None:
    assert saturation([]) is None
    assert saturation([Step(part="ladder", clients=4, duration=1.0)]) is None


def test_rounds_at_an_earlier_estimate_do_not_count() -> None:
    low = [replace(step, rate=(step.rate or 0) / 2) for step in steady_ramp()]
    high = [replace(step, round=step.round + 5) for step in steady_ramp(rounds=3)]
    assert [set(one) for one in last_rounds([*low, *high])] == [set(NOMINAL)] * 3


def test_disturbed_rounds_are_left_out_while_three_remain() -> None:
    steps = [replace(step, clean=step.round not in (1, 3)) for step in steady_ramp()]
    assert len(last_rounds(steps)) == 3
    steps = [replace(step, clean=step.round not in (1, 2, 3)) for step in steady_ramp()]
    assert len(last_rounds(steps)) == 5


def test_a_round_that_was_cut_short_does_not_count() -> None:
    assert len(last_rounds(steady_ramp()[:-1])) == 4


def test_the_decline_of_a_service_that_thrashes() -> None:
    answers = {0.85: 84.0, 0.95: 96.0, 1.05: 88.0, 1.15: 72.0, 1.3: 60.0}
    steps = [
        Step(part="ramp", round=number, nominal=nominal, rate=100 * nominal, duration=1.0, pieces=pieces(rate))
        for number in range(3)
        for nominal, rate in answers.items()
    ]
    found = saturation(steps)
    assert found is not None
    assert found.load == pytest.approx(96)
    assert found.decline == pytest.approx(1 - 60 / 96)


def pieces(rate: float) -> tuple[Piece, ...]:
    return tuple(Piece(at=at / 4, ok=round(rate / 4), failed=0) for at in range(4))


@pytest.mark.parametrize(
    ("pieces", "replies", "seconds"),
    [
        ([(0.0, 5), (0.25, 10), (0.5, 10), (0.75, 10)], 30, 0.75),  # its first quarter is not counted
        ([(0.0, 5), (0.25, 10), (0.5, 10), (0.75, 10), (1.0, 5)], 30, 0.75),  # little is left: not its drain
        ([(0.0, 1), (0.25, 3), (0.5, 3), (0.75, 3), (1.0, 20), (1.25, 9), (1.5, 1)], 29, 1.0),
    ],
)
def test_when_a_step_is_busy(pieces: list[tuple[float, int]], replies: int, seconds: float) -> None:
    step = Step(
        part="ramp",
        rate=40,
        duration=1.0,
        nominal=1.0,
        pieces=tuple(Piece(at=at, ok=count, failed=0) for at, count in pieces),
    )
    assert busy(step) == (replies, pytest.approx(seconds))


def test_failures_are_no_replies() -> None:
    step = Step(part="ramp", rate=40, duration=1.0, nominal=1.0, pieces=(Piece(at=0.5, ok=3, failed=37),))
    assert busy(step)[0] == 3


@pytest.mark.parametrize(
    ("half", "more"), [(0.05, 0.0), (0.1, 3 * 20.0), (0.025, 0.0)], ids=["as wanted", "twice as wide", "narrower"]
)
def test_how_many_more_seconds(half: float, more: float) -> None:
    found = Saturation(load=100, interval=(100 - 100 * half, 100 + 100 * half), rounds=4, decline=0, curve=())
    assert more_seconds(found, 20.0, wanted=0.05) == pytest.approx(more)
    assert more_seconds(None, 20.0, wanted=0.05) == 20.0


def test_mean_interval() -> None:
    assert mean_interval([1.0, 2.0]) is None
    low, high = mean_interval([1.0, 2.0, 3.0]) or (0, 0)
    assert (low, high) == pytest.approx((2 - 4.303 / 3**0.5, 2 + 4.303 / 3**0.5))
    assert mean_interval([1.0, 2.0, 3.0], widen=0) == (2.0, 2.0)
