"""Unit: which workers live. Stories told with fake workers; the restart policy's delays pass in no time."""

from __future__ import annotations

import pytest

from trio_lab.errors import RestartLimitReached
from trio_lab.pools.restart import RestartPolicy
from trio_lab.pools.slot import State

from .fake import SHORT, House

VACANT, STARTING, IDLE, BUSY, RETIRING, LOST = State


def test_all_workers_are_started_at_once() -> None:
    house = House(size=3, ready=False)
    assert house.states == [STARTING] * 3
    assert (house.staff.size, house.staff.ready, house.all_ready) == (3, 0, 0)
    house.start_all()
    assert house.states == [IDLE] * 3
    assert (house.staff.ready, house.all_ready) == (3, 1)


class TestSize:
    def test_workers_too_many_end_and_come_back(self) -> None:
        house = House(size=2)
        house.submit("a")
        house.resize(1)
        assert house.states == [RETIRING, BUSY]  # an idle one goes before a busy one
        assert house.worker(0).ending
        house.die(0, code=0)
        assert house.states == [VACANT, BUSY]
        house.resize(2)
        house.start_all()
        assert house.states == [IDLE, BUSY]
        assert house.staff.restarts == 0

    def test_a_busy_worker_ends_after_the_jobs_it_has(self) -> None:
        house = House(size=2)
        for name in "abc":
            house.submit(name)
        house.resize(1)
        assert house.states == [BUSY, RETIRING]
        assert not house.worker(1).ending
        assert house.staff.capacity == 2
        house.end_job(1)
        assert house.worker(1).ending
        assert (house.with_worker(0), house.with_worker(1), house.dispatcher.waiting) == ("b", "", 1)

    def test_one_that_became_too_many_while_it_started_ends(self) -> None:
        house = House(size=2, ready=False)
        first, second = house.slots
        house.resize(1)
        assert house.states == [STARTING, RETIRING]
        house.spawn(second)
        assert house.worker(1).killed  # it has nothing to tidy up
        house.ready(second)  # it says so, and is not believed
        assert house.states[1] is RETIRING
        house.spawn(first)
        house.ready(first)
        assert house.all_ready == 1
        house.die(1, code=0)
        assert house.states == [IDLE, VACANT]
        assert house.staff.restarts == 0

    def test_the_ready_one_is_kept_when_another_still_starts(self) -> None:
        house = House(size=2, ready=False)
        house.spawn(house.slots[1])
        house.ready(house.slots[1])
        assert house.all_ready == 0
        house.resize(1)
        assert house.states == [RETIRING, IDLE]
        assert house.all_ready == 1

    def test_one_that_is_wanted_again_while_it_ends_is_replaced(self) -> None:
        house = House(size=2)
        house.resize(1)
        house.resize(2)
        ending = house.states.index(RETIRING)
        house.die(ending, code=0)
        assert house.states[ending] is STARTING
        assert house.staff.restarts == 0

    @pytest.mark.parametrize("ready", range(4))
    def test_workers_that_start_are_too_many_before_those_that_are_ready(self, ready: int) -> None:
        house = House(size=4, ready=False)
        house.spawn(house.slots[ready])
        house.ready(house.slots[ready])
        house.resize(2)
        assert house.states[ready] is IDLE
        assert sorted(house.states) == sorted([IDLE, STARTING, RETIRING, RETIRING])
        house.resize(1)
        assert (house.states[ready], house.all_ready) == (IDLE, 1)

    def test_a_worker_that_does_not_end_is_killed(self) -> None:
        house = House(size=2)
        house.resize(1)
        house.pass_time(0.9)
        assert not house.worker(1).killed
        house.pass_time(0.2)
        assert house.worker(1).killed
        house.die(1)
        assert (house.states, house.staff.restarts) == ([IDLE, VACANT], 0)


class TestDemand:
    def test_there_are_more_workers_while_there_is_work_for_them(self) -> None:
        house = House(size=3, min_size=1, idle_timeout=5.0)
        assert house.states == [IDLE, VACANT, VACANT]
        for name in "abc":
            house.submit(name)
        for size in (2, 3):
            house.keep_house()
            assert house.staff.size == size
            house.start_all()
        assert house.states == [BUSY] * 3
        for n in range(3):
            house.end_job(n)
        house.pass_time(4.9)
        house.keep_house()
        assert house.staff.size == 3
        house.pass_time(0.1)
        for size in (2, 1, 1):
            house.keep_house()
            assert house.staff.size == size
        assert house.states.count(RETIRING) == 2

    def test_the_one_that_has_been_idle_for_longest_goes_first(self) -> None:
        house = House(size=2)
        house.submit("a")
        (used,) = (slot.number for slot in house.slots if slot.jobs)
        house.pass_time(1.0)
        house.end_job(used)
        house.resize(1)
        assert [house.states[used], house.states[1 - used]] == [IDLE, RETIRING]

    def test_without_a_min_size_all_stay(self) -> None:
        house = House(size=2)
        house.pass_time(1000.0)
        house.keep_house()
        assert house.states == [IDLE] * 2


class TestWear:
    def test_a_worker_runs_no_more_jobs_than_it_may_and_those_on_their_way_count(self) -> None:
        house = House(size=1, max_jobs=3)
        house.learn_short()
        for name in "abcdefgh":
            house.submit(name, SHORT)
        assert house.with_worker() == "a b c"
        ran = []
        while len(house.told) < 8:
            while house.slots[0].jobs:
                house.end_job()
            assert house.states == [RETIRING]
            ran.append(len(house.worker().ran))
            house.die(code=0)
            house.start_all()
            if len(house.told) == 6:
                while house.slots[0].jobs:
                    house.end_job()
        assert ran == [3, 3]
        assert (len(house.worker().ran), house.staff.restarts) == (2, 0)

    def test_the_last_job_that_a_worker_may_run_is_run(self) -> None:
        house = House(size=1, max_jobs=2)
        for state in (IDLE, RETIRING):
            house.submit(f"until {state}")
            house.end_job()
            assert house.states == [state]

    def test_one_of_the_last_age_is_replaced_after_its_job(self) -> None:
        house = House(size=1, max_age=10.0)
        house.pass_time(9.0)
        house.keep_house()
        house.submit("a")
        house.end_job()
        assert house.states == [IDLE]
        house.pass_time(1.0)
        house.submit("b")
        house.end_job()
        assert house.states == [RETIRING]

    def test_an_idle_one_is_replaced_by_housekeeping(self) -> None:
        house = House(size=2, max_age=10.0)
        house.pass_time(10.0)
        house.keep_house()
        assert house.states == [RETIRING] * 2

    def test_one_that_holds_too_much_is_replaced(self) -> None:
        house = House(size=2)
        house.submit("a")
        house.keep_house(1)
        assert house.states == [IDLE, RETIRING]


class TestRestart:
    def test_a_worker_that_was_of_use_is_replaced_at_once(self) -> None:
        house = House(size=1)
        house.submit("a")
        house.end_job()
        house.die()
        assert (house.states, house.staff.restarts) == ([STARTING], 1)
        assert house.starting == house.slots

    def test_a_worker_that_ends_a_job_proves_that_others_can_live(self) -> None:
        house = House(size=2)
        house.die(1)
        assert house.states == [IDLE, LOST]
        house.submit("a")
        house.end_job()
        assert house.states == [IDLE, STARTING]

    @pytest.mark.parametrize(("lived", "then"), [(0.25, LOST), (0.5, STARTING)])
    def test_one_that_lived_as_long_as_starts_are_apart_is_replaced_at_once(self, lived: float, then: State) -> None:
        house = House(size=1, restart=RestartPolicy(max_restarts=4, max_seconds=2.0))
        house.block(lived)
        house.die()
        assert house.states == [then]

    def test_a_start_counts_from_the_death_of_its_worker(self) -> None:
        house = House(size=1, restart=RestartPolicy(max_restarts=1, max_seconds=10.0), ready=False)
        house.spawn(house.slots[0])
        house.block(2.0)
        house.die(code=7)
        house.pass_time(9.9)
        assert house.starting == []
        house.pass_time(0.1)
        assert house.starting == house.slots

    def test_one_that_a_job_killed_is_replaced_at_once(self) -> None:
        house = House(size=1)
        for name in "abcde":
            house.submit(name)
            house.worker().begin()
            house.die()
            assert house.states == [STARTING]
            house.start_all()
        assert set(house.told.values()) == {"BrokenWorkerError"}

    def test_useless_ones_are_started_ever_more_slowly(self) -> None:
        house = House(size=1, restart=RestartPolicy(max_restarts=10, max_seconds=1000.0), ready=False)
        delays = []
        for _ in range(6):
            house.spawn(house.slots[0])
            died = house.now
            house.die(code=7)
            while not house.starting:
                house.pass_time(house.rings_at - house.now)
            delays.append(round(house.now - died, 2))
        assert delays == [0.1, 0.5, 1.0, 2.0, 2.0, 2.0]
        assert house.staff.restarts == 6

    def test_the_third_in_a_row_refuses_who_waits_and_who_comes(self) -> None:
        house = House(size=1, restart=RestartPolicy(max_restarts=4, max_seconds=3600.0), ready=False)
        house.submit("waiting")
        house.dispatcher.fault = "there are no processes left"
        for name in ("one death", "two", ""):
            assert house.told == {}
            house.spawn(house.slots[0])
            house.die(code=7)
            house.pass_time(1.0)
            if name:
                assert house.submit(name) == ""
        assert house.told == dict.fromkeys(("waiting", "one death", "two"), "RestartLimitReached")
        assert house.jobs["waiting"].error.retry_after == 1.0  # type: ignore[union-attr]
        assert str(house.jobs["waiting"].error) == "pool cannot keep a worker alive: there are no processes left"
        house.spawn(house.slots[0])
        house.die(code=7)
        assert house.submit("late") == "RestartLimitReached"
        with pytest.raises(RestartLimitReached) as refusal:
            house.dispatcher.submit(len, (b"", 0), None, None, "late", 0, None, house.now)
        assert refusal.value.retry_after == pytest.approx(3600.0 - 3.0)  # since the first of the starts that count
        total = house.dispatcher.tallies.total()
        assert (total.arrivals, total.rejected) == (5, 5)
        house.pass_time(3500.0)
        assert (house.staff.restarts, house.starting) == (3, [])
        house.pass_time(100.0)
        assert house.staff.restarts == 4

    def test_a_worker_that_is_ready_again_heals_the_pool(self) -> None:
        house = House(size=1, ready=False)
        for _ in range(3):
            house.spawn(house.slots[0])
            house.die(code=7)
            house.pass_time(1.0)
        with pytest.raises(RestartLimitReached, match=r"^pool cannot keep a worker alive$") as refusal:
            house.dispatcher.submit(len, (b"", 0), None, None, "late", 0, None, house.now)
        assert refusal.value.reason == ""
        house.start_all()
        assert house.submit("b") == ""
        house.end_job()
        assert not house.staff.budget.open

    def test_why_none_could_be_started_once_is_not_why_they_die_now(self) -> None:
        house = House(size=1, ready=False)
        house.dispatcher.fault = "there are no processes left"
        for _ in range(3):
            house.start_all()
            house.die(code=7)
            house.pass_time(0.5)
        with pytest.raises(RestartLimitReached) as refusal:
            house.dispatcher.submit(len, (b"", 0), None, None, "late", 0, None, house.now)
        assert refusal.value.reason == ""

    def test_starts_are_counted_for_all_workers_together(self) -> None:
        house = House(size=3, restart=RestartPolicy(max_restarts=5, max_seconds=3600.0), ready=False)
        while house.staff.restarts < 2:
            for slot in list(house.starting):
                house.spawn(slot)
                house.die(slot.number, code=7)
            house.pass_time(0.1)
        house.pass_time(3000.0)
        assert house.staff.restarts == 2  # three at first, and two more

    def test_a_start_that_fails_counts_once(self) -> None:
        house = House(size=1, ready=False)
        house.fail_spawn(house.slots[0])
        assert (house.states, house.staff.budget.deaths) == ([LOST], 1)
        house.pass_time(0.2)
        assert (house.states, house.staff.restarts) == ([STARTING], 1)

    def test_one_that_dies_right_after_it_was_ready_is_of_no_use(self) -> None:
        house = House(size=1, restart=RestartPolicy(max_restarts=4, max_seconds=40.0))
        house.pass_time(9.9)  # a start may take ten seconds of the budget's time
        house.die()
        assert house.staff.budget.deaths == 1
        house.pass_time(1.0)
        house.start_all()
        house.pass_time(10.1)
        house.die()
        assert house.staff.budget.deaths == 1

    def test_none_is_started_for_a_pool_that_closes(self) -> None:
        house = House(size=2)
        house.close()
        assert all(worker.ending for worker in house.workers())
        house.die(0, code=0)
        house.die(1, code=-9)
        house.pass_time(100.0)
        assert (house.states, house.starting, house.staff.restarts) == ([VACANT] * 2, [], 0)

    def test_one_that_is_no_longer_wanted_is_not_started_when_its_time_comes(self) -> None:
        house = House(size=2)
        house.die(0)
        house.die(1)
        assert house.states == [LOST, LOST]
        house.resize(1)
        house.pass_time(10.0)
        assert sorted(house.states) == [STARTING, VACANT]


@pytest.mark.parametrize("size", [1, 3])
def test_closing_while_workers_start_ends_them(size: int) -> None:
    house = House(size=size, ready=False)
    house.close()
    for slot in list(house.starting):
        house.spawn(slot)
        assert house.worker(slot.number).killed
        house.die(slot.number, code=0)
    assert house.states == [VACANT] * size
