"""Unit: waiting for what another process brings about."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_lab.stage.until import until, wait_until


async def test_a_condition_is_asked_until_it_holds(autojump_clock: trio.testing.MockClock) -> None:
    answers = iter([False, False, True])
    assert await until(lambda: next(answers), limit=10, period=0.5) == 1.0


async def test_a_condition_may_itself_wait(autojump_clock: trio.testing.MockClock) -> None:
    begun = trio.current_time()

    async def late() -> bool:
        await trio.sleep(1)
        return trio.current_time() - begun > 2

    assert await until(late, limit=10, period=0.5) == 2.5


async def test_a_condition_that_holds_at_once_takes_no_time(autojump_clock: trio.testing.MockClock) -> None:
    assert await until(lambda: True, limit=0.1) == 0.0


async def test_what_does_not_hold_in_time_is_none_or_an_error(autojump_clock: trio.testing.MockClock) -> None:
    assert await until(lambda: False, limit=3) is None
    with pytest.raises(trio.TooSlowError):
        await wait_until(lambda: False, limit=3)
