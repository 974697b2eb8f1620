"""Contract: what a bulkhead promises its callers, on Trio and on asyncio alike. Who decides what is tested at the gate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import trio

from trio_lab.admission import on_asyncio, on_trio
from trio_lab.admission.bulkhead import BaseBulkhead
from trio_lab.admission.classes import Share
from trio_lab.admission.disciplines import ByPriority, CoDel
from trio_lab.admission.gate import ADMITTED, Place
from trio_lab.admission.reserved import RESERVED, AskedPlace, Reserved
from trio_lab.errors import QueueFull, QueueTimeout

from .houses import HOUSES, House, Story
from .recorder import Recorded
from .test_gate import is_balanced


@pytest.fixture(params=HOUSES, ids=lambda house: house.name)
def house(request: pytest.FixtureRequest) -> House:
    return request.param()  # type: ignore[no-any-return]


def bulkhead(house: House, **limits: Any) -> BaseBulkhead:
    return house.make("test", **({"capacity": 1} | limits))


def balanced(b: BaseBulkhead) -> bool:
    return is_balanced(b.statistics())


def plays(story: Story) -> Callable[[House], None]:
    """A test that plays the story on each event loop."""

    def test(house: House) -> None:
        house.run(story)

    return test


@plays
async def test_a_free_place_is_given_at_once(house: House) -> None:
    b = bulkhead(house)
    async with b.place() as place:
        assert place.waited == 0.0
        assert b.in_service == 1
    assert b.in_service == 0
    assert b.statistics().completions == 1


@plays
async def test_a_place_comes_back_when_its_holder_fails(house: House) -> None:
    b = bulkhead(house)
    with pytest.raises(ZeroDivisionError):
        async with b.place():
            raise ZeroDivisionError
    assert b.in_service == 0


@plays
async def test_full_queue_refuses_without_waiting(house: House) -> None:
    b = bulkhead(house, max_waiting=0)
    await b.enter()
    with pytest.raises(QueueFull) as refusal:
        await b.enter()  # the clock stands still: a wait would hang
    assert refusal.value.queue == "test"
    assert b.statistics().rejected == 1
    assert balanced(b)


@plays
async def test_first_come_first_served(house: House) -> None:
    b = bulkhead(house)
    callers = [await house.call(b) for _ in range(3)]
    for n, caller in enumerate(callers):
        assert [other.fate for other in callers[n:]] == ["is in"] + ["waits"] * (2 - n)
        caller.cancel()
        await house.settle()
    assert b.statistics().completions == 3


@plays
async def test_a_discipline_chooses_who_is_next(house: House) -> None:
    b = bulkhead(house, discipline=ByPriority())
    place = await b.enter()
    common, urgent = await house.call(b), await house.call(b, priority=1)
    b.leave(place)
    await house.settle()
    assert (common.fate, urgent.fate) == ("waits", "is in")


@plays
async def test_a_caller_is_of_the_kind_and_the_priority_that_it_names(house: House) -> None:
    b = bulkhead(house, capacity=4)
    places = [await b.enter(), await b.enter(kind="hash", priority=3)]
    async with b.place() as third, b.place(kind="report", priority=2) as fourth:
        places += [third, fourth]
    assert [(place.kind, place.priority) for place in places] == [("", 0), ("hash", 3), ("", 0), ("report", 2)]
    assert b.kinds() == ["", "hash", "report"]
    assert [b.statistics(kind).arrivals for kind in (None, "", "hash")] == [4, 2, 1]


@plays
async def test_a_kind_holds_no_more_places_than_it_may_though_others_are_free(house: House) -> None:
    b = bulkhead(house, capacity=2, max_waiting=1, shares={"fast": Share(share=1), "slow": Share(share=1, most=0.5)})
    first, second = await house.call(b, kind="slow"), await house.call(b, kind="slow")
    assert (first.fate, second.fate, b.in_service, b.has_room) == ("is in", "waits", 1, False)
    with pytest.raises(QueueFull):
        await b.enter(kind="slow")
    b.leave(await b.enter(kind="fast"))
    first.cancel()
    await house.settle()
    assert (second.fate, b.in_service, b.has_room) == ("is in", 1, True)
    assert balanced(b)


@plays
async def test_a_caller_that_the_discipline_refuses_is_told(house: House) -> None:
    b = bulkhead(house, capacity=2, discipline=CoDel(target=1, interval=2))
    places = [await b.enter(), await b.enter()]
    callers = [await house.call(b) for _ in range(3)]
    house.pass_time(1.0)
    b.leave(places[0])
    house.pass_time(2.0)
    b.leave(places[1])
    await house.settle()
    assert [caller.fate for caller in callers] == ["is in", "Shed", "is in"]
    assert balanced(b)


@plays
async def test_the_discipline_is_told_how_every_caller_ends(house: House) -> None:
    discipline = Recorded[Place]()
    b, told = bulkhead(house, discipline=discipline), discipline.learner.told
    first, second, third, _ = [
        await house.call(b, kind=kind, queue_timeout=3.0 if kind == "d" else None) for kind in "abcd"
    ]
    house.pass_time(1.0)
    second.cancel()  # while it waits
    await house.settle()
    house.pass_time(1.0)
    first.cancel()  # while it has a place
    await house.settle()
    house.pass_time(1.5)
    await house.settle()  # the fourth has waited too long
    assert third.place is not None
    b.caller_left(third.place)  # and what it started goes on
    house.pass_time(0.5)
    third.cancel()  # told of already
    await house.settle()
    place = await b.enter(kind="e")
    house.pass_time(1.0)
    b.leave(place)
    assert told == [
        "b left at 10",
        "a left at 20",
        "a ran for 20",
        "d stayed until 35",
        "c left at 35",
        "c ran for 20",
        "e served at 10 after 10",
    ]


@plays
async def test_the_discipline_is_told_of_those_that_it_refuses(house: House) -> None:
    discipline = Choosy()
    b = bulkhead(house, discipline=discipline)
    place = await b.enter(kind="a")
    await house.call(b, kind="b")
    await house.call(b, kind="c")
    house.pass_time(1.0)
    b.leave(place)
    await house.settle()
    assert discipline.learner.told == ["a served at 10 after 10", "b stayed until 10"]


class Choosy(Recorded[Place]):
    """It refuses the first one."""

    def pop(self, now: float, refused: list[Place]) -> Place | None:
        if (first := super().pop(now, refused)) is not None:
            refused.append(first)
        return super().pop(now, refused)


# The wait is bounded.


@plays
async def test_queue_timeout_refuses_at_the_deadline_and_not_before(house: House) -> None:
    b = bulkhead(house, queue_timeout=3.0)
    await b.enter()
    caller = await house.call(b)
    house.pass_time(2.9)
    await house.settle()
    assert caller.fate == "waits"
    house.pass_time(0.2)
    await house.settle()
    assert caller.fate == "QueueTimeout"
    assert (b.waiting, b.statistics().timed_out) == (0, 1)
    assert balanced(b)


@plays
async def test_one_call_may_have_its_own_queue_timeout(house: House) -> None:
    b = bulkhead(house, queue_timeout=100.0)
    await b.enter()
    patient, hasty, hastier = (
        await house.call(b),
        await house.call(b, queue_timeout=2.0),
        await house.call(b, queue_timeout=1.0),
    )
    fates = []
    for _ in range(3):
        fates.append([patient.fate, hasty.fate, hastier.fate])
        house.pass_time(1.0)
        await house.settle()
    assert fates == [
        ["waits", "waits", "waits"],
        ["waits", "waits", "QueueTimeout"],
        ["waits", "QueueTimeout", "QueueTimeout"],
    ]
    house.pass_time(97.0)
    await house.settle()
    assert patient.fate == "QueueTimeout"


@plays
async def test_a_caller_that_waits_for_nothing_is_refused(house: House) -> None:
    b = bulkhead(house)
    await b.enter()
    caller = await house.call(b, queue_timeout=0.0)
    assert caller.fate == "QueueTimeout"


@plays
async def test_a_place_is_never_given_after_the_deadline(house: House) -> None:
    b = bulkhead(house, queue_timeout=1.0)
    place = await b.enter()
    caller = await house.call(b)
    house.pass_time(2.0)  # the loop was blocked: the caller's timer could not run
    b.leave(place)
    assert b.in_service == 0
    await house.settle()
    assert caller.fate == "QueueTimeout"
    assert b.statistics().timed_out == 1
    assert balanced(b)


@plays
async def test_a_place_given_in_time_is_kept_though_the_caller_notices_it_late(house: House) -> None:
    b = bulkhead(house, queue_timeout=1.0)
    place = await b.enter()
    caller = await house.call(b)
    b.leave(place)
    house.pass_time(2.0)  # the timer is due in the pass in which the caller learns that it is in
    await house.settle()
    assert caller.fate == "is in"
    assert b.statistics().timed_out == 0


@plays
async def test_the_queue_timeout_does_not_bound_the_service(house: House) -> None:
    b = bulkhead(house, queue_timeout=1.0)
    place = await b.enter()
    caller = await house.call(b)
    b.leave(place)
    await house.settle()
    house.pass_time(5.0)
    await house.settle()
    assert caller.fate == "is in"


# Callers are cancelled.


@plays
async def test_cancelled_while_queued_frees_its_slot_at_once(house: House) -> None:
    b = bulkhead(house, max_waiting=1)
    await b.enter()
    caller = await house.call(b)
    with pytest.raises(QueueFull):
        await b.enter()
    caller.cancel()
    assert b.waiting == 0  # before the task has run
    follower = await house.call(b)
    assert (caller.fate, follower.fate) == ("gave up", "waits")
    assert b.statistics().cancelled == 1
    assert balanced(b)


@plays
async def test_a_caller_that_was_cancelled_and_has_yet_to_run_gets_no_place(house: House) -> None:
    b = bulkhead(house)
    place = await b.enter()
    leaver, follower = await house.call(b), await house.call(b)
    leaver.cancel()
    b.leave(place)
    await house.settle()
    assert (leaver.fate, follower.fate) == ("gave up", "is in")
    assert balanced(b)


@plays
async def test_a_place_given_to_a_caller_that_is_then_cancelled_goes_on(house: House) -> None:
    b = bulkhead(house)
    place = await b.enter()
    leaver, follower = await house.call(b), await house.call(b)
    b.leave(place)  # the place is the leaver's now …
    leaver.cancel()  # … which is cancelled before it ran
    await house.settle()
    assert leaver.gone
    assert follower.fate == "is in"
    assert b.in_service == 1
    assert balanced(b)


@plays
async def test_cancelled_in_service_gives_the_place_to_the_next(house: House) -> None:
    b = bulkhead(house)
    first, second = await house.call(b), await house.call(b)
    first.cancel()
    await house.settle()
    assert second.fate == "is in"
    assert balanced(b)


@plays
async def test_cancelled_at_its_deadline_has_timed_out(house: House) -> None:
    b = bulkhead(house, queue_timeout=1.0)
    await b.enter()
    caller = await house.call(b)
    house.pass_time(1.0)
    caller.cancel()
    await house.settle()
    assert caller.fate == "gave up"  # it learns of its cancellation; the queue, that nobody had a place for it in time
    found = b.statistics()
    assert (found.timed_out, found.cancelled) == (1, 0)
    assert balanced(b)


@plays
async def test_refused_for_its_deadline_and_cancelled_in_the_same_pass(house: House) -> None:
    b = bulkhead(house, queue_timeout=1.0)
    place = await b.enter()
    caller = await house.call(b)
    house.pass_time(1.0)
    b.leave(place)  # it is too late for the caller …
    caller.cancel()  # … which is cancelled before it could learn that
    await house.settle()
    assert caller.gone
    assert b.statistics().timed_out == 1
    assert (b.in_service, b.waiting) == (0, 0)
    assert balanced(b)


# The size changes.


@plays
async def test_growing_admits_those_that_wait_and_shrinking_takes_nothing_away(house: House) -> None:
    b = bulkhead(house)
    callers = [await house.call(b) for _ in range(3)]
    b.resize(3)
    assert b.in_service == 3
    await house.settle()
    assert [caller.fate for caller in callers] == ["is in"] * 3
    b.resize(1)
    assert (b.capacity, b.in_service) == (1, 3)
    callers[0].cancel()
    late = await house.call(b)
    assert late.fate == "waits"


@plays
async def test_without_capacity_everybody_waits(house: House) -> None:
    b = bulkhead(house, capacity=0)
    caller = await house.call(b)
    assert caller.fate == "waits"
    b.resize(1)
    await house.settle()
    assert caller.fate == "is in"


# It closes.


@plays
async def test_closing_refuses_those_that_wait_and_those_that_come(house: House) -> None:
    b = bulkhead(house)
    place = await b.enter()
    caller = await house.call(b)
    b.close()
    assert b.waiting == 0
    with pytest.raises(house.closed_error, match="test is closed"):
        await b.enter()
    await house.settle()
    assert isinstance(caller.error, house.closed_error)
    assert str(caller.error) == "test is closed"
    b.leave(place)  # it may still be given back
    b.close()  # once more is no mistake
    assert b.statistics().completions == 1
    assert balanced(b)


@plays
async def test_cancelled_while_it_closes(house: House) -> None:
    b = bulkhead(house)
    await b.enter()
    before, after = await house.call(b), await house.call(b)
    before.cancel()
    b.close()
    after.cancel()
    await house.settle()
    assert (before.gone, after.gone) == (True, True)
    assert b.statistics().cancelled == 2
    assert balanced(b)


@plays
async def test_closed_at_the_deadline_of_those_that_wait(house: House) -> None:
    b = bulkhead(house, queue_timeout=1.0)
    await b.enter()
    caller = await house.call(b)
    house.pass_time(1.0)
    b.close()
    await house.settle()
    assert caller.gone
    assert balanced(b)


@plays
async def test_a_place_given_before_it_closed_is_kept(house: House) -> None:
    b = bulkhead(house)
    place = await b.enter()
    caller = await house.call(b)
    b.leave(place)
    b.close()
    await house.settle()
    assert caller.fate == "is in"


# Wrong use.


@plays
async def test_a_place_is_given_back_once(house: House) -> None:
    b = bulkhead(house)
    place = await b.enter()
    b.leave(place)
    with pytest.raises(RuntimeError, match="test: a place that was given back already cannot be given back"):
        b.leave(place)
    assert (b.in_service, b.statistics().completions) == (0, 1)


@plays
async def test_a_place_of_another_bulkhead_cannot_be_given_back(house: House) -> None:
    b, other = bulkhead(house), house.make("other", capacity=1)
    place = await other.enter()
    with pytest.raises(RuntimeError, match="test: a place of other cannot be given back here"):
        b.leave(place)
    other.leave(place)


@plays
async def test_a_wrong_queue_timeout_is_a_mistake_whether_there_is_room_or_not(house: House) -> None:
    b = bulkhead(house)
    for wrong in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="queue_timeout must not be negative or NaN"):
            await b.enter(queue_timeout=wrong)
    assert b.kinds() == []


def test_a_bulkhead_that_means_nothing_is_a_mistake(house: House) -> None:
    with pytest.raises(ValueError, match="max_waiting must be at least 0, not -1"):
        bulkhead(house, max_waiting=-1)


def test_under_another_loop_it_says_which_one_it_needs() -> None:
    async def enter(b: BaseBulkhead) -> None:
        await b.enter()

    with pytest.raises(RuntimeError, match="the bulkhead test needs a Trio loop; this runs under asyncio"):
        asyncio.run(enter(on_trio.Bulkhead("test", capacity=1)))
    with pytest.raises(RuntimeError, match="the bulkhead test needs an asyncio loop; this runs under Trio"):
        trio.run(enter, on_asyncio.Bulkhead("test", capacity=1))


def test_without_a_loop_it_says_so(house: House) -> None:
    with pytest.raises(RuntimeError, match=f"the bulkhead test needs an? {house.name} loop; none runs in this thread"):
        bulkhead(house).resize(2)


def test_statistics_are_of_this_moment_and_outside_a_run_of_the_last_change(house: House) -> None:
    b = bulkhead(house, capacity=2)

    async def story(house: House) -> None:
        place = await b.enter(kind="hash")
        house.pass_time(10.0)
        assert b.statistics().utilization == pytest.approx(0.5)
        b.leave(place)
        house.pass_time(10.0)
        assert b.statistics("hash").utilization == pytest.approx(0.25)

    house.run(story)
    assert b.statistics().utilization == pytest.approx(0.25)
    assert [b.statistics(kind).name for kind in (None, "hash")] == ["test", "test.hash"]
    assert [b.statistics(kind).arrivals for kind in ("hash", "report")] == [1, 0]


# It belongs to no run of a loop.


def test_one_bulkhead_serves_several_runs(house: House) -> None:
    b = bulkhead(house, max_waiting=5, queue_timeout=1.0)  # no loop runs here
    assert b.statistics().arrivals == 0
    assert repr(b) == "<Bulkhead test 0/1 busy, 0/5 queued>"

    async def story(house: House) -> None:
        house.pass_time(1000.0)  # each run has a clock of its own, that shows what it likes
        first, second, late = await house.call(b), await house.call(b), await house.call(b)
        house.pass_time(0.5)
        first.cancel()
        await house.settle()
        assert second.fate == "is in"
        house.pass_time(0.5)
        await house.settle()
        assert late.fate == "QueueTimeout"

    for n in range(1, 4):
        house.run(story)
        found = b.statistics()
        assert (found.completions, found.timed_out) == (2 * n, n)
        assert (found.in_service, found.waiting) == (0, 0)
        assert found.utilization == pytest.approx(1.0)  # what is between the runs does not count
        assert found.wait is not None
        assert found.wait.max == pytest.approx(0.5)
        assert balanced(b)


def test_a_run_that_ends_leaves_nobody_in_the_queue(house: House) -> None:
    b = bulkhead(house, queue_timeout=1.0)

    async def crowd(house: House) -> None:
        for _ in range(3):
            await house.call(b)

    async def alone(house: House) -> None:
        assert (await house.call(b)).fate == "is in"
        late = await house.call(b)
        house.pass_time(1.0)
        await house.settle()
        assert late.fate == "QueueTimeout"  # the timer of the run before rings no more

    house.run(crowd)
    assert (b.in_service, b.waiting) == (0, 0)
    house.run(alone)
    assert balanced(b)


# Places that are asked for without a task.


@plays
async def test_a_place_that_was_asked_for_is_used_once_by_the_task_that_has_it(house: House) -> None:
    b, told = bulkhead(house), list[Exception | None]()
    holder = await b.enter()
    place = b.ask(told.append, kind="asked")
    assert (b.waiting, told) == (1, [])
    b.leave(holder)
    assert (place.state, told) == (ADMITTED, [None])
    token = RESERVED.set(Reserved(place, place.gate, lambda: b.leave(place)))
    assert await bulkhead(house).enter() is not place  # it is of another bulkhead
    assert await b.enter() is place
    behind = await house.call(b)
    assert behind.fate == "waits"
    b.leave(place)
    RESERVED.reset(token)
    await house.settle()
    assert (behind.fate, b.statistics().arrivals, balanced(b)) == ("is in", 3, True)


@plays
async def test_a_reserved_place_that_is_not_used_is_given_back_once(house: House) -> None:
    b = bulkhead(house)
    for is_used in (False, True):
        asked = AskedPlace(b.ask(list[Exception | None]().append), give_up=b.give_up)
        assert not asked.waits
        reserved = asked.reserve()
        token = RESERVED.set(reserved)
        used = await b.enter() if is_used else None
        RESERVED.reset(token)
        reserved.give_back()
        reserved.give_back()
        assert b.in_service == is_used
        if used is not None:
            b.leave(used)
    found = b.statistics()
    assert (found.completions, found.cancelled) == (1, 1)  # where nothing was done, nothing was completed


@plays
async def test_one_that_asks_is_told_that_it_is_refused(house: House) -> None:
    b, told = bulkhead(house, queue_timeout=1.0, max_waiting=2), list[Exception | None]()
    await b.enter()
    b.ask(told.append)
    house.pass_time(0.5)
    b.ask(told.append)
    with pytest.raises(QueueFull):
        b.ask(told.append)
    house.pass_time(0.6)
    b.expire()
    assert [type(refusal) for refusal in told] == [QueueTimeout]
    b.close()
    assert [type(refusal) for refusal in told] == [QueueTimeout, house.closed_error]
    assert balanced(b)


@plays
async def test_one_that_asks_may_give_up(house: House) -> None:
    b, told = bulkhead(house), list[Exception | None]()
    holder = await b.enter()
    first, second = b.ask(told.append), b.ask(told.append)
    b.give_up(first)
    assert (b.waiting, told) == (1, [])
    b.leave(holder)
    assert told == [None]
    b.give_up(second)  # it has the place already, and does not want it
    assert (b.in_service, b.statistics().cancelled, balanced(b)) == (0, 2, True)
