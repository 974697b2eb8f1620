"""Unit: which load comes next. A service is simulated by what it answers, and the ramp is followed to its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from trio_lab.diagnose.saturation import last_rounds, saturation
from trio_lab.doctor.ramp import NOMINAL, Budget, Plan, next_step, replies
from trio_lab.records.examination import Piece, Step

QUICK, FULL = Budget.of(quick=True), Budget.of(quick=False)


def carried_out(plan: Plan, answers: Callable[[float], float], alone: float) -> Step:
    """A step of a service that answers so much of a rate, and whose requests take ``alone`` seconds by themselves."""
    if plan.part == "rest":
        return Step(part="rest", duration=plan.duration)
    answered = min(plan.clients / alone, answers(1e9)) if plan.rate is None else answers(plan.rate)
    count = 10
    each = [
        round(answered * plan.duration * (at + 1) / count) - round(answered * plan.duration * at / count)
        for at in range(count)
    ]
    pieces = tuple(Piece(at=at * plan.duration / count, ok=ok, failed=0) for at, ok in enumerate(each))
    return Step(
        part=plan.part,
        round=plan.round,
        nominal=plan.nominal,
        rate=plan.rate,
        clients=plan.clients,
        duration=plan.duration,
        pieces=pieces,
        p50=max(alone, plan.clients / answers(1e9)) if plan.clients else alone,
    )


def followed(
    answers: Callable[[float], float], *, alone: float = 0.01, budget: Budget = QUICK
) -> tuple[list[Step], float]:
    steps: list[Step] = []
    spent = 0.0
    while (plan := next_step(steps, budget, spent)) is not None:
        steps.append(carried_out(plan, answers, alone))
        spent += plan.duration * 1.1 + 0.05
        assert len(steps) < 200
    return steps, spent


def at_most(limit: float) -> Callable[[float], float]:
    return lambda rate: min(rate, limit)


@pytest.mark.parametrize(
    ("limit", "budget"), [(3.0, FULL), (75.0, QUICK), (75.0, FULL), (1000.0, QUICK), (20_000.0, QUICK)]
)
def test_it_finds_the_load_within_its_time(limit: float, budget: Budget) -> None:
    steps, spent = followed(at_most(limit), alone=min(0.3, 4 / limit), budget=budget)
    assert spent <= budget.seconds + 5
    found = saturation(steps)
    assert found is not None
    assert found.load == pytest.approx(limit, rel=0.05)


def test_the_order_of_parts() -> None:
    steps, _ = followed(at_most(75.0), alone=0.04)
    parts = [step.part for step in steps]
    assert parts[0] == "rest"
    assert parts == sorted(parts, key=["rest", "ladder", "calm", "ramp"].index)
    assert [step.rate for step in steps if step.part == "calm"] == [pytest.approx(0.35 * 75, rel=0.05)]
    assert [step.nominal for step in steps if step.part == "ramp"][:4] == list(NOMINAL)


def test_the_ladder_goes_on_while_more_clients_bring_more() -> None:
    steps, _ = followed(at_most(3000.0), alone=0.02)
    assert [step.clients for step in steps if step.part == "ladder"] == [1, 2, 4, 8, 16, 32, 64, 128]


def test_the_ladder_has_some_rungs_where_one_client_is_enough() -> None:
    steps, _ = followed(at_most(120.0), alone=0.008)
    assert len([step for step in steps if step.part == "ladder"]) == 4


def test_the_ladder_leaves_time_for_rounds() -> None:
    steps, _ = followed(at_most(60.0), alone=1.0)
    ladder = [step for step in steps if step.part == "ladder"]
    assert QUICK.seconds / 4 <= sum(step.duration for step in ladder) <= QUICK.seconds / 4 + 2
    assert any(step.part == "ramp" for step in steps)


def test_an_estimate_that_was_too_low_is_raised() -> None:
    """A server that refuses connections to many closed clients, say: the ladder sees half of what it can do."""
    steps, _ = followed(at_most(75.0), alone=0.04)
    head = [step for step in steps if step.part != "ramp"]
    low = [
        replace(step, pieces=tuple(replace(one, ok=one.ok // 2) for one in step.pieces))
        if step.part == "ladder"
        else step
        for step in head
    ]
    spent = 10.0
    while (plan := next_step(low, FULL, spent)) is not None:
        low.append(carried_out(plan, at_most(75.0), 0.04))
        spent += plan.duration * 1.1
    found = saturation(low)
    assert found is not None
    assert found.load == pytest.approx(75, rel=0.05)


def test_an_estimate_that_was_too_high_is_lowered() -> None:
    """Closed clients got 1.5 times what open ones get."""
    steps, _ = followed(lambda rate: 150.0 if rate > 1e8 else min(rate, 100.0), alone=0.01, budget=FULL)
    found = saturation(steps)
    assert found is not None
    assert found.load == pytest.approx(100, rel=0.05)
    assert min(step.rate or 0 for one in last_rounds(steps) for step in one.values()) < 100


def disturbed(step: Step) -> Step:
    """Other programs had the CPU, and half was answered."""
    return replace(step, clean=False, pieces=tuple(replace(one, ok=one.ok // 2) for one in step.pieces))


@pytest.mark.parametrize("rounds", [1, 2])
def test_an_estimate_is_not_lowered_for_a_single_round_that_was_disturbed(rounds: int) -> None:
    steps, _ = followed(at_most(80.0), alone=0.04)
    steps = [step for step in steps if step.part != "ramp"]
    while len(rates := [step.rate for step in steps if step.nominal == NOMINAL[0]]) <= rounds:
        plan = next_step(steps, FULL, 10.0)
        assert plan is not None
        steps.append(carried_out(plan, at_most(80.0), 0.04))
        if plan.round < rounds and plan.part == "ramp":
            steps[-1] = disturbed(steps[-1])
    assert (rates[-1] == rates[0]) is (rounds == 1)


def test_an_estimate_that_was_lowered_by_mistake_is_raised_to_that_of_the_ladder() -> None:
    steps, _ = followed(at_most(80.0), alone=0.04)
    steps = [step for step in steps if step.part != "ramp"]
    while (plan := next_step(steps, FULL, 10.0)) is not None and plan.round < 3:
        steps.append(carried_out(plan, at_most(80.0), 0.04))
        if plan.part == "ramp" and plan.round == 0:
            steps[-1] = replace(disturbed(steps[-1]), clean=True)
    rates = [step.rate for step in steps if step.nominal == 1.0]
    assert rates[0] == rates[2] == pytest.approx(80, rel=0.03)
    assert (rates[1] or 0) < 60


def test_a_server_that_does_not_answer_ends_it() -> None:
    steps, _ = followed(lambda rate: 1e-9)
    assert [step.part for step in steps] == ["rest", "ladder"]


def test_more_rounds_only_while_they_are_needed() -> None:
    steps, spent = followed(at_most(75.0), alone=0.04, budget=replace(FULL, seconds=600.0))
    assert spent < 80
    assert len(last_rounds(steps)) == 5


def test_replies_are_counted_within_the_step() -> None:
    step = Step(part="ladder", duration=1.0, pieces=(Piece(at=0.0, ok=5, failed=1), Piece(at=1.0, ok=7, failed=0)))
    assert replies(step) == 5
