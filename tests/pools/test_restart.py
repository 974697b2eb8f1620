"""Unit: the restart policy, without a process or a clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trio_lab.pools.restart import RestartBudget, RestartPolicy

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
