"""Unit, in virtual time: what a timer that wakes once a second sees, and what passes it unseen."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from trio_lab.loop.lag_detector import open_lag_detector


@pytest.mark.parametrize(
    ("begins", "length", "told"),
    [
        (0.5, 0.45, None),  # it ends before the timer is due
        (0.9, 0.3, 0.2),  # it began before: only the rest is told
        (0.98, 0.06, None),  # what is left is under the threshold
        (0.2, 2.3, 1.5),
    ],
)
async def test_only_a_block_that_its_wake_falls_into_is_told(
    mock_clock: MockClock, begins: float, length: float, told: float | None
) -> None:
    async with open_lag_detector() as warnings:
        await trio.testing.wait_all_tasks_blocked()
        # No task has a step meanwhile: for all that a timer knows, the loop was blocked.
        mock_clock.jump(begins + length)
        await trio.testing.wait_all_tasks_blocked()
        if begins + length < 1.0:
            mock_clock.jump(1.0 - begins - length)
            await trio.testing.wait_all_tasks_blocked()
    assert [(warning.at, warning.lag) for warning in warnings] == (
        [] if told is None else [(pytest.approx(1.0 + told), pytest.approx(told))]
    )
