"""Unit: where a loop lets others run."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import trio

from trio_lab import chunked, slices, time_sliced


class Steps(trio.abc.Instrument):
    """Counts the steps of the current task. Other runnable tasks run between any two."""

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


async def test_others_run_between_two_slices_of_time_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await steps_at(time_sliced(range(4), seconds=1e-9)) == [1, 2, 3, 4, 6]
    monkeypatch.setattr(slices, "perf_counter", lambda: 7.0)
    assert await steps_at(time_sliced(range(4), seconds=1.0)) == [0, 0, 0, 0, 1]


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
    gc.freeze()  # what is there already need not be looked through
    async for number in sliced(range(10)):
        if number == 2:
            break
    gc.collect()  # Python would warn here of a generator that was not closed, and a warning is an error
    gc.unfreeze()


@pytest.mark.parametrize("bad", [0, -1])
def test_slices_of_nothing_are_refused(bad: int) -> None:
    with pytest.raises(ValueError, match=f"every must be at least 1, not {bad}"):
        chunked([], every=bad)
    with pytest.raises(ValueError, match=f"seconds is in seconds, not milliseconds: over 0 and at most 1, not {bad}$"):
        time_sliced([], seconds=bad)


@pytest.mark.parametrize("bad", [2.5, float("nan"), "500", None, True])
def test_a_count_is_a_whole_number(bad: Any) -> None:
    with pytest.raises(TypeError, match="every must be a whole number, not "):
        chunked([], every=bad)


@pytest.mark.parametrize(
    ("bad", "hint"), [(5, "not 5 (5 ms are 0.005)"), (1e9, "not 1e+09"), (float("inf"), "not inf")]
)
def test_a_slice_that_is_rather_milliseconds_is_refused(bad: float, hint: str) -> None:
    with pytest.raises(ValueError, match="seconds is in seconds, not milliseconds: ") as caught:
        time_sliced([], bad)
    assert str(caught.value).endswith(hint)


def test_a_slice_of_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="over 0 and at most 1, not nan"):
        time_sliced([], seconds=float("nan"))
    bad: Any
    for bad in ("0.005", None, True):
        with pytest.raises(TypeError, match="seconds must be a number of seconds, not "):
            time_sliced([], seconds=bad)


@pytest.mark.parametrize("sliced", [chunked, time_sliced])
def test_slices_are_for_trio(sliced: Callable[[Any], AsyncIterator[int]]) -> None:
    async def loop() -> None:
        async for _ in sliced([1]):
            pass

    with pytest.raises(RuntimeError, match=f"{sliced.__name__} needs a Trio loop; this runs under asyncio"):
        asyncio.run(loop())
