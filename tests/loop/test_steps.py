"""Unit: the steps of a pass, by a clock that stands still between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import ref

import pytest
import trio

from trio_lab.loop.stalls import Steps
from trio_lab.loop.step_log import _EVERY
from trio_lab.loop.steps import _ENTRY_QUEUE, StepMonitor


@dataclass(frozen=True)
class Named:
    """Of a task, a step monitor needs no more."""

    name: str


class Loop:
    def __init__(self) -> None:
        self.now = 100.0
        self.monitor = StepMonitor(lambda: self.now)

    def step(self, task: Any, seconds: float) -> None:
        self.monitor.before_task_step(task)
        self.now += seconds


NOTHING = Steps(count=0, longest=0.0, entry_queue=0.0, callbacks=0, top=())


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_a_step_lasts_until_the_next_or_until_now_and_the_longest_task_is_told_first(loop: Loop) -> None:
    assert loop.monitor.steps() == NOTHING
    for name, seconds in (("short", 0.25), ("long", 0.5), ("long", 0.125)):
        loop.step(Named(name), seconds)
    top = (("long", 0.625), ("short", 0.25))
    assert loop.monitor.steps() == Steps(count=3, longest=0.5, entry_queue=0.0, callbacks=0, top=top)


def test_five_tasks_are_told(loop: Loop) -> None:
    for number in range(6):
        loop.step(Named(str(number)), 1.0 + number)
    assert [name for name, _ in loop.monitor.steps().top] == ["5", "4", "3", "2", "1"]


async def test_callbacks_that_wait_when_their_step_begins_are_counted(loop: Loop) -> None:
    token = trio.lowlevel.current_trio_token()
    for _ in range(2):
        token.run_sync_soon(int)
    loop.step(Named(_ENTRY_QUEUE), 0.5)
    loop.step(Named("other"), 0.25)
    steps = loop.monitor.steps()
    assert (steps.callbacks, steps.entry_queue) == (2, 0.5)
    loop.monitor.pass_ended()
    assert loop.monitor.steps() == NOTHING


def test_one_pass_in_eight_is_looked_at(loop: Loop) -> None:
    spins, often, late = Named("spins"), Named("often"), Named("late")
    passes = 200 * _EVERY
    for number in range(passes):
        tasks = [spins, spins] + [often] * (number % 4 != 3) + [late] * (number > passes // 4)
        for task in tasks:
            loop.step(task, 0.5)
        loop.monitor.pass_ended()
    turns, looked_at = loop.monitor.read_turns()
    assert turns.pop(spins) == looked_at
    assert 0.5 * passes < looked_at * _EVERY < 2 * passes
    assert late not in turns
    assert all(0.6 * looked_at < times < 0.9 * looked_at for times in turns.values())  # of `often`, if it is counted
    assert loop.monitor.read_turns() == ({}, 0)


@pytest.mark.parametrize("others", [1, 20])
def test_tasks_that_end_are_not_kept(loop: Loop, others: int) -> None:
    """Also if nobody reads the turns."""
    spins = Named("spins")

    def one_pass(number: int) -> list[ref[Named]]:
        tasks = [Named(f"{number}-{other}") for other in range(others)]
        for task in (spins, *tasks):
            loop.step(task, 0.5)
        loop.monitor.pass_ended()
        return [ref(task) for task in tasks]

    ended = [task for number in range(40 * _EVERY) for task in one_pass(number)]
    assert not [task for found in ended if (task := found())]
    turns, looked_at = loop.monitor.read_turns()
    assert turns == {spins: looked_at}
    assert looked_at > 4


def test_the_task_whose_step_was_noted_last_is_seen(loop: Loop) -> None:
    first, second, third = Named("first"), Named("second"), Named("third")
    assert not loop.monitor.sees(first)
    for task in (first, second, third):
        loop.step(task, 0.5)
    assert loop.monitor.sees(third)
    assert not loop.monitor.sees(second)
