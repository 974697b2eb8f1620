"""Unit: the steps of a pass, by a clock that stands still between them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

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


def test_of_one_pass_in_eight_it_is_noted_which_tasks_had_a_step(loop: Loop) -> None:
    spins, other = Named("spins"), Named("other")
    passes = 200 * _EVERY
    for number in range(passes):
        for task in (spins, spins, other) if number % 2 else (spins,):
            loop.step(task, 0.5)
        loop.monitor.pass_ended()
    turns, counted = loop.monitor.read_turns()
    assert turns[spins] == counted
    assert 0.5 * passes < counted * _EVERY < 2 * passes
    assert 0.25 * counted < turns[other] < 0.75 * counted  # it had a step in each second pass
    assert loop.monitor.read_turns() == (Counter(), 0)


def test_the_task_whose_step_was_noted_last_is_seen(loop: Loop) -> None:
    first, second, third = Named("first"), Named("second"), Named("third")
    assert not loop.monitor.sees(first)
    for task in (first, second, third):
        loop.step(task, 0.5)
    assert loop.monitor.sees(third)
    assert not loop.monitor.sees(second)
