"""Unit: where a loop lets others run."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import trio

from trio_lab import chunked, time_sliced


class Steps(trio.abc.Instrument):
    """Counts the steps of the current task: whoever else is runnable runs between any two."""

    def __init__(self) -> None:
        self.task = trio.lowlevel.current_task()
        self.count = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += task is self.task


async def steps_at(items: AsyncIterator[int]) -> list[int]:
    """In which step of the task each item came, and in which all had come."""
    steps, seen = Steps(), []
    trio.lowlevel.add_instrument(steps)
    async for item in items:
        assert item == len(seen)
        seen.append(steps.count)
    trio.lowlevel.remove_instrument(steps)
    return [*seen, steps.count]


async def test_others_run_between_two_chunks_and_at_the_end() -> None:
    assert await steps_at(chunked(range(7), every=3)) == [0, 0, 0, 1, 1, 1, 2, 3]
    assert await steps_at(chunked(range(4), every=2)) == [0, 0, 1, 1, 3]


async def test_others_run_between_two_slices_of_time_and_at_the_end() -> None:
    assert await steps_at(time_sliced(range(4), seconds=1e-9)) == [1, 2, 3, 4, 6]
    assert await steps_at(time_sliced(range(4), seconds=1e9)) == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("sliced", [chunked, time_sliced])
async def test_even_nothing_lets_others_run(sliced: Callable[[Any], AsyncIterator[int]]) -> None:
    assert await steps_at(sliced([])) == [1]


async def test_a_cancelled_task_leaves_between_two_chunks() -> None:
    seen = []
    with trio.CancelScope() as scope:
        async for number in chunked(range(100), every=4):
            seen.append(number)
            if number == 5:
                scope.cancel()
    assert scope.cancelled_caught
    assert seen == list(range(8))


@pytest.mark.parametrize("sliced", [chunked, time_sliced])
async def test_a_loop_that_is_left_leaves_nothing_to_close(sliced: Callable[[Any], AsyncIterator[int]]) -> None:
    async for number in sliced(range(10)):
        if number == 2:
            break
    gc.collect()  # what was not closed would be warned about here, and a warning is an error


@pytest.mark.parametrize("bad", [0, -1])
def test_slices_of_nothing_are_refused(bad: int) -> None:
    with pytest.raises(ValueError, match="every"):
        chunked([], every=bad)
    with pytest.raises(ValueError, match="seconds"):
        time_sliced([], seconds=bad)
    with pytest.raises(ValueError, match="seconds"):
        time_sliced([], seconds=float("nan"))
