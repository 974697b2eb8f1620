"""When the watchdog wakes: any passes and polls, with the loop and the watchdog interrupting each other at any point.

Times are multiples of a tick of 1/64 s, so that sums of them are exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_lab.loop.loop_time import LoopTime
from trio_lab.loop.wakes import Wakes
from trio_lab.loop.watchdog import _KEPT_BEATS

TICK = 1 / 64
BUDGET = 16 * TICK
Turn = tuple[float, float, bool]
"""How long the loop polls, how long the pass after it lasts, and whether the poll has a timeout."""


class World:
    """A loop and a watchdog that share a clock and a timer. ``switches`` says at each point whether the other has a turn."""

    def __init__(self, switches: Iterator[bool], *, tells_begins: bool) -> None:
        self.now, self.ends, self.wakes = 0.0, math.inf, 0
        self.looks: list[tuple[float, float]] = []  # at which pass, by its begin, and at which age
        self.passes: list[tuple[float, float]] = []
        self._switches, self._switched = switches, False
        self._timeouts = iter([0.0])
        self.loop = _Loop(self, tells_begins=tells_begins)
        self.rule = Wakes(self.loop, self, BUDGET)
        self.loop.on_renew = self.rule.put_off
        self.rule.put_off(0.0)

    def set(self, seconds: float) -> None:
        """The timer."""
        self.switch()
        assert seconds >= 0
        self.ends = self.now + seconds
        self.switch()

    def switch(self) -> None:
        """Another thread may run here, for one turn."""
        if not self._switched and next(self._switches):
            self._switched = True
            if self._in_watchdog:
                self._step()
            elif self.ends <= self.now + TICK:
                self.now = max(self.now, self.ends)  # the loop's thread has no CPU for a moment
                self._wake()
            self._switched = False

    def play(self, turns: list[Turn]) -> None:
        self._plan = iter([*chain.from_iterable(self._planned(*turn) for turn in turns)])
        self._next = (0.0, None)
        self._in_watchdog = False
        self._began = 0.0
        self._advance()
        while self._next[1] is not None:
            at = self._next[0]
            if self.ends < at or (self.ends == at and not next(self._switches)):
                self.now = max(self.now, self.ends)
                self._wake()
            else:
                self.now = max(self.now, at)
                self._step()

    def _planned(self, poll: float, busy: float, timed: bool) -> list[tuple[float, str, float]]:
        timeout = poll if timed else math.inf
        return [(0.0, "poll", timeout), (poll, "pass", timeout), (busy, "end", 0.0)]

    def _advance(self) -> None:
        after, what, timeout = next(self._plan, (0.0, None, 0.0))
        self._next, self._timeout = (self.now + after, what), timeout

    def _step(self) -> None:
        """The next thing that the loop does; earlier than planned, if it interrupts the watchdog."""
        what, timeout = self._next[1], self._timeout
        if what is None:
            return
        self._advance()
        watchdog, self._in_watchdog = self._in_watchdog, False
        if what == "poll":
            self.loop.before_io_wait(timeout)
        elif what == "pass":
            self._began = self.now
            self.loop.after_io_wait(timeout)
        else:
            self.passes.append((self._began, self.now))
        self._in_watchdog = watchdog

    def _wake(self) -> None:
        self.ends, self.wakes = math.inf, self.wakes + 1
        loop, self._in_watchdog = self._in_watchdog, True
        now, began = self.now, self.loop.pass_began()
        if began is not None:
            self.looks.append((began, now - began))
        self.switch()
        self.rule.sleep(now, began)
        self._in_watchdog = loop

    _in_watchdog = False


class _Loop(LoopTime):
    """Other threads may run at each reading of the clock and at each reading and writing of what both sides share."""

    def __init__(self, world: World, *, tells_begins: bool) -> None:
        self._world, self._is_made = world, False
        super().__init__(lambda: world.now)
        self._clock, self._is_made = self._interrupted_clock, True
        self.tells_begins = tells_begins

    def _interrupted_clock(self) -> float:
        now = self._world.now
        self._world.switch()
        return now

    @property
    def renew_at(self) -> float:  # type: ignore[override]
        self._world.switch()
        found = self._renew_at
        self._world.switch()
        return found

    @renew_at.setter
    def renew_at(self, at: float) -> None:
        if self._is_made:
            self._world.switch()
        self._renew_at = at
        if self._is_made:
            self._world.switch()

    def before_io_wait(self, timeout: float) -> None:
        super().before_io_wait(timeout)
        if not self.tells_begins and self._poll_began >= self.renew_at:
            self.on_renew(self._poll_began)

    def after_io_wait(self, timeout: float) -> None:
        renew = self.on_renew
        if not self.tells_begins:
            self.on_renew = lambda now: None
        super().after_io_wait(timeout)
        self.on_renew = renew


TIMES = (st.integers(0, 128) | st.integers(0, 8)).map(lambda number: number * TICK)
TURNS = st.lists(st.tuples(TIMES, TIMES, st.booleans()), max_size=40)


@given(turns=TURNS, switches=st.lists(st.booleans(), max_size=200), tells_begins=st.booleans())
def test_no_pass_over_the_budget_is_missed_whoever_interrupts_whom(
    turns: list[Turn], switches: list[bool], tells_begins: bool
) -> None:
    world = World(chain(switches, repeat(False)), tells_begins=tells_begins)
    world.play(turns)
    for began, ended in world.passes:
        if ended - began > BUDGET:
            ages = [age for at, age in world.looks if at == began]
            assert any(world.rule.long <= age <= BUDGET for age in ages), (began, ended, ages)


@given(turns=TURNS)
def test_a_long_pass_is_looked_at_again_and_again(turns: list[Turn]) -> None:
    world = World(repeat(False), tells_begins=True)
    world.play(turns)
    for began, ended in world.passes:
        ages = [age for at, age in world.looks if at == began and age >= world.rule.long]
        assert len(ages) >= (ended - began - world.rule.long) / (BUDGET / 4) - 1


@pytest.mark.parametrize("poll", [0.0, TICK, 2 * TICK])
def test_a_loop_with_short_passes_wakes_nobody(poll: float) -> None:
    world = World(repeat(False), tells_begins=True)
    world.play([(poll, TICK, True)] * 1000)
    assert world.wakes == 0


def test_a_loop_that_waits_wakes_it_twice_a_second() -> None:
    world = World(repeat(False), tells_begins=True)
    world.play([(10.0, TICK, True)] * 10)
    assert world.wakes <= 2 * 100 + 2 * 10


def test_a_loop_that_does_not_run_now_wakes_it_twice_a_second() -> None:
    world = World(repeat(False), tells_begins=True)
    world.now = 2 * TICK
    world.loop.pause()
    world.now += 1.0
    assert world.rule.sleep(world.now, world.loop.pass_began()) == 0.5


def test_a_very_long_pass_is_seen_from_its_begin() -> None:
    world = World(repeat(False), tells_begins=True)
    world.play([(0.0, 3600.0, False)])
    assert 100 < world.wakes < _KEPT_BEATS
