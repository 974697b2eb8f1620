"""Unit: what a supervisor decides, without any process. The time is a number."""

from __future__ import annotations

import random
from math import inf

import pytest

from trio_lab.servers.processes.actions import Action, Death, End, Kill, Over, Say, Start
from trio_lab.servers.processes.supervision import Supervision

KILLED = Death(-9)
LONG = 100.0  # seconds in which a process has shown that it can live


class Told:
    """A supervision of two processes, and a clock. Lives are numbered in the order of their starts."""

    def __init__(self, count: int = 2) -> None:
        self.decides = Supervision(count, grace=3.0, start_time=60.0)
        self.now = 0.0

    def texts(self, actions: list[Action]) -> list[str]:
        return [action.text for action in actions if isinstance(action, Say)]

    def serve(self) -> Told:
        """Until all serve."""
        for action in self.decides.begin(self.now):
            assert isinstance(action, Start)
            self.serves(action.life)
        self.now += LONG
        return self

    def spawn(self, life: int) -> list[Action]:
        return self.decides.spawned(life, 100 + life, self.now)

    def serves(self, life: int) -> list[Action]:
        self.spawn(life)
        return self.decides.ready(life, self.now)

    def end(self, life: int, death: Death = KILLED) -> list[Action]:
        return self.decides.ended(life, death, self.now)

    def wake(self) -> list[Action]:
        self.now = self.decides.next_wake
        return self.decides.wake(self.now)

    def states(self) -> list[tuple[int, int, str]]:
        return sorted((one.number, one.life, one.state) for one in self.decides.processes())


@pytest.fixture
def told() -> Told:
    return Told().serve()


def test_all_processes_are_started_at_once() -> None:
    fresh = Told(3)
    assert fresh.decides.begin(0.0) == [Start(1, 1, 0), Start(2, 2, 0), Start(3, 3, 0)]
    assert not fresh.decides.all_serve


def test_a_process_that_served_for_long_is_replaced_at_once_and_the_line_says_by_what(told: Told) -> None:
    assert told.end(2) == [Start(3, 2, 0)]
    assert told.spawn(3) == [Say("process 2 (pid 102) was killed by SIGKILL; started again as pid 103")]
    assert told.decides.restarts == 1
    assert told.states() == [(1, 1, "serving"), (2, 3, "starting")]


@pytest.mark.parametrize(
    ("death", "said"),
    [
        (Death(-15), "was killed by SIGTERM"),
        (Death(-70), "was killed by signal 70"),
        (Death(1), "has ended with exit code 1"),
        (Death(None), "has ended"),
        (Death(1, "the lab broke down"), "has ended: the lab broke down"),
    ],
)
def test_how_a_process_ended_in_words(death: Death, said: str) -> None:
    assert str(death) == said


def test_a_process_that_dies_soon_waits_longer_and_longer(told: Told) -> None:
    told.end(2)
    waits = []
    for life in range(3, 8):
        told.spawn(life)
        died = told.now
        said = told.texts(told.end(life))
        waits.append(told.decides.next_wake - died)
        assert f"it is started again in {waits[-1]:.1f} s" in said[0]
        assert [type(action) for action in told.wake()] == [Start]
    assert waits[:4] == pytest.approx([0.1, 0.5, 1.0, 2.0])
    assert waits == sorted(waits)
    assert told.states()[0] == (1, 1, "serving")  # the other one goes on all the while


def test_no_more_starts_than_the_budget_has_in_its_time(told: Told) -> None:
    starts = []
    told.end(2)
    for life in range(3, 30):
        told.spawn(life)
        told.end(life)
        told.wake()
        starts.append(told.now)
    policy = told.decides.policy
    assert all(
        later - earlier >= policy.max_seconds
        for earlier, later in zip(starts, starts[policy.max_restarts :], strict=False)
    )


def test_the_service_ends_when_no_process_can_be_kept_alive() -> None:
    told = Told(1).serve()
    assert told.end(1) == [Start(2, 1, 0)]
    for life in (2, 3):
        told.spawn(life)
        told.end(life)
        told.wake()
    told.spawn(4)
    assert told.end(4) == [Over("no process can be kept alive: process 1 (pid 104) was killed by SIGKILL")]


def test_a_process_that_says_why_it_cannot_start_ends_a_service_that_has_never_served() -> None:
    told = Told()
    told.decides.begin(0.0)
    told.spawn(1)
    told.spawn(2)
    assert told.end(1, Death(2, "no database", usage=True)) == [End(2)]
    assert told.end(2, Death(-15)) == [Over("no database", usage=True)]


def test_a_process_that_was_killed_before_it_was_ready_is_started_again() -> None:
    told = Told()
    told.decides.begin(0.0)
    told.spawn(1)
    told.spawn(2)
    assert told.texts(told.end(1)) == ["process 1 (pid 101) was killed by SIGKILL; it is started again in 0.1 s"]
    assert told.wake() == [Start(3, 1, 0)]
    assert told.spawn(3) == [Say("process 1 is started again as pid 103")]


def test_a_process_that_cannot_be_spawned_later_is_tried_again(told: Told) -> None:
    told.end(2)
    said = told.texts(told.end(3, Death(None, "no memory")))
    assert said == ["process 2 has ended: no memory; it is started again in 0.1 s"]
    assert told.wake() == [Start(4, 2, 0)]


def test_a_process_that_is_not_ready_in_time_is_killed_and_replaced(told: Told) -> None:
    told.end(2)
    told.spawn(3)
    assert told.decides.next_wake == told.now + 60
    assert told.wake() == [Say("process 2 (pid 103) was not ready in time and is killed"), Kill(3)]
    assert told.decides.next_wake == inf
    assert told.texts(told.end(3)) == [
        "process 2 (pid 103) was killed because it was not ready in time; it is started again in 0.1 s"
    ]


# Rolling restart.


def test_the_new_process_serves_before_the_old_one_ends_and_one_number_after_the_other(told: Told) -> None:
    assert told.decides.reload(told.now)[1:] == [Start(3, 1, 1)]
    assert told.states() == [(1, 1, "serving"), (1, 3, "starting"), (2, 2, "serving")]
    assert told.serves(3) == [Say("process 1 (pid 103) serves instead of pid 101"), End(1, alone=True)]
    assert told.end(1, Death(0)) == [Start(4, 2, 1)]
    assert told.serves(4)[1:] == [End(2, alone=True)]
    assert told.end(2, Death(0)) == [Say("all processes are restarted")]
    assert told.states() == [(1, 3, "serving"), (2, 4, "serving")]
    assert told.decides.restarts == 0


def test_an_old_process_that_does_not_end_is_killed(told: Told) -> None:
    told.decides.reload(told.now)
    told.serves(3)
    assert told.wake() == [Say("process 1 (pid 101) has not ended in time and is killed"), Kill(1)]
    assert told.end(1) == [Start(4, 2, 1)]


def test_a_new_process_that_does_not_become_ready_ends_the_restart_and_not_the_old_one(told: Told) -> None:
    told.decides.reload(told.now)
    told.spawn(3)
    [said] = told.texts(told.end(3, Death(1)))
    assert said.startswith("a new process 1 has ended with exit code 1 before it was ready; the restart ends here")
    assert told.states() == [(1, 1, "serving"), (2, 2, "serving")]
    assert told.decides.reload(told.now)[1:] == [Start(4, 1, 1)]


def test_the_old_process_dies_while_the_new_one_starts(told: Told) -> None:
    told.decides.reload(told.now)
    told.spawn(3)
    assert told.end(1) == [Say("process 1 (pid 101) was killed by SIGKILL; pid 103 is about to serve instead")]
    assert told.serves(3) == [Start(4, 2, 1)]


def test_a_restart_waits_for_a_process_that_is_being_replaced_and_does_not_replace_it_again(told: Told) -> None:
    told.decides.reload(told.now)
    told.serves(3)
    told.end(2)  # life 4
    assert told.end(1) == []
    assert told.serves(4) == [Say("all processes are restarted")]


def test_a_process_that_was_starting_before_the_restart_is_replaced_once_it_serves(told: Told) -> None:
    told.end(1)  # life 3
    assert told.texts(told.decides.reload(told.now)) == ["restarting the processes, one after the other"]
    assert told.serves(3) == [Start(4, 1, 1)]


def test_a_second_restart_follows_the_first(told: Told) -> None:
    told.decides.reload(told.now)
    assert told.texts(told.decides.reload(told.now)) == [
        "the processes are being restarted; they will be once more after that"
    ]
    told.serves(3)
    told.end(1)
    told.serves(4)
    assert told.end(2)[-1] == Start(5, 1, 0)


# The end.


def test_all_are_asked_to_end_and_then_it_is_over(told: Told) -> None:
    assert told.decides.stop(told.now) == [End(1), End(2)]
    assert told.end(1, Death(0)) == []
    assert told.end(2, Death(0)) == [Over()]


def test_the_second_signal_asks_again_and_the_third_kills(told: Told) -> None:
    told.decides.stop(told.now)
    assert told.decides.next_wake == told.now + 3.0 + 5.0
    assert told.decides.stop(told.now) == [End(1), End(2)]
    assert told.decides.next_wake == told.now + 5.0
    assert told.decides.stop(told.now) == [Kill(1), Kill(2)]


def test_who_has_not_ended_in_time_is_killed(told: Told) -> None:
    told.decides.stop(told.now)
    told.end(1, Death(0))
    assert told.wake() == [Say("process 2 (pid 102) has not ended in time and is killed"), Kill(2)]
    assert told.end(2) == [Over()]


def test_the_end_during_a_restart_ends_new_and_old_and_shortens_no_grace(told: Told) -> None:
    told.decides.reload(told.now)
    told.serves(3)
    assert told.decides.stop(told.now) == [End(3), End(2)]  # the first was asked before
    for life in (1, 2, 3):
        actions = told.end(life, Death(0))
    assert actions == [Over()]


def test_the_end_before_a_process_has_a_pid() -> None:
    told = Told(1)
    told.decides.begin(0.0)
    assert told.decides.stop(0.0) == [End(1)]
    assert told.spawn(1) == [End(1)]  # once more, for the first could reach nobody
    assert told.end(1, Death(-15)) == [Over()]


def test_the_end_while_a_process_waits_to_be_started_again() -> None:
    told = Told(1)
    told.decides.begin(0.0)
    told.spawn(1)
    told.end(1)
    assert told.decides.stop(0.0) == [Over()]
    assert told.decides.next_wake == inf


def test_nothing_is_started_or_restarted_once_the_service_ends(told: Told) -> None:
    told.decides.stop(told.now)
    assert told.decides.reload(told.now) == []
    assert told.end(1) == []
    assert told.decides.next_wake < inf
    assert all(isinstance(action, Say | Kill) for action in told.wake())


@pytest.mark.parametrize("seed", range(30))
def test_whatever_happens_in_whatever_order(seed: int) -> None:
    """At most one process too many, two places a number, no start once it ends, and one end."""
    dice = random.Random(seed)
    told = Told(3)
    spawned: set[int] = set()
    over = 0

    def carry_out(actions: list[Action]) -> None:
        nonlocal over
        over += sum(isinstance(action, Over) for action in actions)
        assert not (told.decides.is_ending and any(isinstance(action, Start) for action in actions))
        living = told.decides.processes()
        assert len(living) <= 4
        assert len({(one.number, one.place) for one in living}) == len(living)

    carry_out(told.decides.begin(0.0))
    for turn in range(400):
        told.now += dice.expovariate(1.0)
        living = told.decides.processes()
        process = dice.choice(living) if living else None
        event = dice.random()
        if turn == 350 and not over:
            carry_out(told.decides.stop(told.now))
        elif over:
            break
        elif process is None or event < 0.1:
            carry_out(told.decides.wake(told.now))
        elif event < 0.15:
            carry_out(told.decides.reload(told.now))
        elif process.life not in spawned and event < 0.95:
            spawned.add(process.life)
            carry_out(told.spawn(process.life))
        elif event < 0.7:
            carry_out(told.decides.ready(process.life, told.now))
        elif event < 0.8 or told.decides.is_ending:
            carry_out(told.end(process.life, dice.choice([KILLED, Death(0), Death(1, "a fault")])))
    while living := told.decides.processes():
        carry_out(told.end(living[0].life) if told.decides.is_ending else told.decides.stop(told.now))
    assert over == 1 or not told.decides.is_ending
