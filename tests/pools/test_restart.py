"""Unit: the restart policy, without a process or a clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trio_lab.pools.restart import KillBudget, RestartBudget, RestartPolicy

_LIVES = st.tuples(st.floats(0, 0.3), st.floats(0, 0.5))  # seconds from the grant to the start, and on to the death


@given(st.lists(_LIVES, min_size=8, max_size=60), st.integers(1, 6), st.integers(1, 3))
def test_no_window_sees_a_start_too_many(lives: list[tuple[float, float]], most: int, slots: int) -> None:
    budget = RestartBudget(RestartPolicy(max_restarts=most, max_seconds=10.0))
    budget.died(0.0, started=-1.0)  # from the first unproductive death on starts are limited
    now, seen = 0.0, []
    living: list[tuple[float, float]] = []  # (dies at, granted at)
    for late, life in lives:
        while len(living) == slots or (living and min(living)[0] <= budget.next_start(now)):
            died, granted = min(living)
            living.remove((died, granted))
            now = max(now, died)
            budget.died(now, started=granted)
        now = max(now, budget.next_start(now))
        budget.started(now)
        seen.append(now + late)
        living.append((now + late + life, now))
    seen.sort()
    # Those that are alive together are granted before any of them has died; no more of them than there are slots.
    assert all(
        sum(start <= at < start + 10.0 - 1e-6 for at in seen[index:]) <= most + slots - 1
        for index, start in enumerate(seen)
    )
    if slots == 1:
        assert all(later - earlier >= 10.0 - 1e-6 for earlier, later in zip(seen, seen[most:], strict=False))


def test_each_useless_death_in_a_row_delays_the_next_start_longer() -> None:
    budget = RestartBudget(RestartPolicy(max_restarts=100, max_seconds=10.0))
    assert budget.next_start(7.0) == 7.0
    delays = []
    for at in range(1, 8):
        budget.died(float(at), started=at - 0.5)
        delays.append(round(budget.next_start(float(at)) - at, 6))
    assert delays == [0.1, 0.5, 1.0, 2.0, 2.0, 2.0, 2.0]


def test_a_start_counts_for_max_seconds() -> None:
    budget = RestartBudget(RestartPolicy(max_restarts=1, max_seconds=10.0))
    budget.died(0.0, started=-1.0)
    budget.started(0.5)
    assert budget.next_start(10.25) == 10.5
    assert budget.next_start(10.5) == 0.1  # by the delay after the death alone


def test_the_pace_is_the_time_that_one_start_may_take() -> None:
    assert RestartPolicy(max_restarts=4, max_seconds=10.0).pace == 2.5


def test_a_job_that_ends_closes_the_breaker() -> None:
    budget = RestartBudget(RestartPolicy())
    for at in (1.0, 2.0, 3.0):
        assert not budget.open
        budget.died(at, started=at - 0.5)
    assert budget.open
    assert budget.next_start(3.0) > 3.0
    budget.proved()
    assert not budget.open
    assert budget.next_start(3.0) == 3.0


def test_a_policy_may_be_about_less_than_a_second() -> None:
    assert RestartPolicy(max_restarts=5, max_seconds=0.5).pace == 0.1


def test_a_kill_counts_for_max_seconds() -> None:
    budget = KillBudget(RestartPolicy(max_restarts=2, max_seconds=10.0))
    assert budget.next_kill < 0.0
    budget.killed(1.0)
    assert budget.next_kill < 0.0
    budget.killed(3.0)
    assert budget.next_kill == 11.0
