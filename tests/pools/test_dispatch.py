"""Unit: which job goes to which worker. Stories told with fake workers; nothing here runs, sleeps or waits."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from trio_lab.admission.deadline import Deadline
from trio_lab.admission.disciplines import ByPriority, CoDel, Lifo
from trio_lab.errors import BrokenWorkerError, Overloaded
from trio_lab.measure.ledger import QUEUE, RUN, Ledger
from trio_lab.pools.asked import AskedJob
from trio_lab.pools.job import Job
from trio_lab.pools.restart import RestartPolicy
from trio_lab.pools.slot import LONG, State
from trio_lab.worker.frames import SHORT as FITS

from ..admission.recorder import Recorded
from .fake import SHORT, House


def test_a_job_goes_to_an_idle_worker_or_waits() -> None:
    house = House(size=2)
    for name in "abc":
        assert house.submit(name) == ""
    assert [house.with_worker(n) for n in (0, 1)] == ["b", "a"]
    assert (house.staff.busy, house.dispatcher.waiting) == (2, 1)
    house.end_job(0)
    assert house.told == {"b": "returned"}
    assert house.with_worker(0) == "c"


def test_a_job_waits_for_the_first_worker_that_is_ready() -> None:
    house = House(size=1, ready=False)
    house.submit("a")
    assert house.dispatcher.waiting == 1
    house.start_all()
    assert house.with_worker() == "a"


@pytest.mark.parametrize(
    ("discipline", "order"),
    [(None, "abcd"), (Lifo(), "dcba"), (ByPriority(), "dabc")],
    ids=["fifo", "lifo", "priority"],
)
def test_the_discipline_decides_who_is_next(discipline: Any, order: str) -> None:
    house = House(size=1, discipline=discipline)
    house.submit("first")
    for name in "abcd":
        house.submit(name, priority=name == "d")
    for name in order:
        house.end_job()
        assert house.with_worker() == name


def test_the_discipline_is_told_how_every_job_ends() -> None:
    discipline = Recorded[Job]()
    house = House(size=1, discipline=discipline)
    for name in "abcd":
        house.submit(name, name, queue_timeout=1.5 if name == "d" else None)
    house.worker().begin()
    house.pass_time(1.0)
    house.cancel("b")  # while it waits
    house.end_job()
    house.worker().begin()
    house.pass_time(1.0)  # the last one has waited too long
    house.cancel("c")  # while it runs
    house.end_job()
    assert discipline.learner.told == [
        "b left at 10",
        "a served at 10 after 10",
        "d stayed until 15",
        "c left at 20",
        "c ran for 10",
    ]


def test_of_a_job_that_was_sent_ahead_the_discipline_is_told_once() -> None:
    discipline = Recorded[Job]()
    house = House(size=1, discipline=discipline)
    house.learn_short()
    for name in "abc":
        house.submit(name, SHORT, queue_timeout=0.5 if name == "c" else None)
    assert house.dispatcher.actions.sent_ahead == 2
    house.cancel("b")
    house.block(1.0)
    house.worker().end(0.0)
    assert not house.worker().begin()
    house.answer()
    assert discipline.learner.told == ["short left at 0", "short served at 10 after 0", "short stayed until 10"]


@pytest.mark.parametrize(("waits", "told"), [(0.9, "long left at 9"), (1.0, "long stayed until 10")])
def test_the_discipline_is_told_of_jobs_that_wait_before_all_others_as_of_any(waits: float, told: str) -> None:
    discipline = Recorded[Job]()
    house = House(size=1, discipline=discipline)
    house.learn_short()
    for name in "abcd":
        house.submit(name, SHORT)
    house.submit("long", queue_timeout=1.0)
    house.end_job()  # the worker has three short ones, and the next is too long for it
    house.block(waits)
    house.cancel("long")
    assert discipline.learner.told[1:] == [told]


def test_a_full_queue_refuses_at_once() -> None:
    house = House(size=1, max_queue=1)
    assert [house.submit(name) for name in "abc"] == ["", "", "QueueFull"]
    assert house.dispatcher.tallies.total().rejected == 1


def test_a_job_for_which_there_is_no_room_may_be_turned_away_without_asking() -> None:
    house = House(size=1, max_queue=1)
    for name, has_room in zip("abc", (True, True, False), strict=True):
        assert house.dispatcher.has_room is has_room
        house.submit(name)
    assert house.told == {"c": "QueueFull"}
    assert house.dispatcher.turn_away("long").queue == "pool"
    total = house.dispatcher.tallies.total()
    assert (total.arrivals, total.rejected) == (4, 2)


def test_a_queue_of_no_length_takes_what_can_run() -> None:
    house = House(size=1, max_queue=0)
    house.learn_short()
    assert [house.submit(name, SHORT) for name in "ab"] == ["", "QueueFull"]


@pytest.mark.parametrize(("queue_timeout", "run_timeout"), [(-1.0, None), (None, -1.0)])
def test_a_limit_that_makes_no_sense_is_refused_and_leaves_no_trace(
    queue_timeout: float | None, run_timeout: float | None
) -> None:
    house = House(size=1)
    assert house.submit("a", queue_timeout=queue_timeout, run_timeout=run_timeout) == "ValueError"
    assert (house.dispatcher.tallies, house.states) == ({}, [State.IDLE])


@pytest.mark.parametrize(
    ("fn", "given", "kind"),
    [(len, None, "len"), (partial(len), None, "partial"), (len, "of mine", "of mine"), (len, "", "")],
)
def test_a_job_is_of_the_kind_that_its_function_is_called(fn: Any, given: str | None, kind: str) -> None:
    house = House(size=1)
    job = house.dispatcher.submit(fn, (b"", 0), None, None, given, 0, "a", house.now)
    assert (job.kind, list(house.dispatcher.tallies)) == (kind, [kind])


def test_who_waits_too_long_is_refused_in_time() -> None:
    house = House(size=1, queue_timeout=2.0)
    house.submit("a")
    house.submit("b")
    house.submit("c", queue_timeout=1.0)
    house.pass_time(0.99)
    assert house.told == {}
    house.pass_time(0.01)
    assert house.told == {"c": "QueueTimeout"}
    house.pass_time(1.0)
    assert house.told == {"c": "QueueTimeout", "b": "QueueTimeout"}
    assert house.with_worker() == "a"


def test_a_job_that_has_got_its_place_does_not_expire() -> None:
    house = House(size=1, queue_timeout=0.0)
    house.submit("a")
    assert house.submit("b") == "QueueTimeout"  # there was no idle worker when it came
    house.block(5.0)
    assert house.worker().begin()
    house.end_job()
    assert house.told["a"] == "returned"
    total = house.dispatcher.tallies.total()
    assert (total.arrivals, total.completions, total.timed_out) == (2, 1, 1)


def test_a_job_that_has_got_its_place_does_not_expire_when_it_is_taken_back_with_one_that_does() -> None:
    house = House(size=1)
    house.learn_short()
    house.submit("a", SHORT, queue_timeout=0.25)
    house.submit("b", SHORT, queue_timeout=0.5)  # behind it; the worker has read neither when its time is over
    house.pass_time(0.5)
    assert house.told == {"b": "QueueTimeout"}
    house.block(5.0)
    house.end_job()
    assert house.told["a"] == "returned"


def test_a_job_that_lost_its_place_with_its_worker_waits_until_the_deadline_it_had() -> None:
    house = House(size=1, queue_timeout=1.0)
    house.submit("a")
    house.die()
    house.pass_time(0.9)
    assert house.told == {}
    house.pass_time(0.1)
    assert house.told == {"a": "QueueTimeout"}


@pytest.mark.parametrize("lay", [1.0, 1.5])
def test_a_job_that_lost_its_place_when_its_time_was_over_is_refused_at_once(lay: float) -> None:
    house = House(size=2, queue_timeout=1.0)
    for name in "ab":
        house.submit(name)
    house.block(lay)
    for slot, told in ((0, "b"), (1, "ba")):
        house.die(slot)
        assert (house.told, house.dispatcher.waiting) == (dict.fromkeys(told, "QueueTimeout"), 0)
    assert house.dispatcher.tallies.total().timed_out == 2


def test_a_job_that_the_discipline_cannot_put_in_order_leaves_no_trace() -> None:
    house = House(size=1, discipline=ByPriority())
    house.submit("a")
    for name in ("b", "c"):
        assert house.submit(name, priority="high") == "TypeError"  # type: ignore[arg-type]
    assert house.submit("d") == ""
    total = house.dispatcher.tallies.total()
    assert (total.arrivals, house.dispatcher.waiting) == (2, 1)
    house.end_job()
    assert house.with_worker() == "d"


def test_who_cannot_wait_is_counted_as_come_and_as_timed_out() -> None:
    house = House(size=1)
    house.submit("a")
    for name in "bc":
        assert house.submit(name, queue_timeout=0.0) == "QueueTimeout"
    total = house.dispatcher.tallies.total()
    assert (total.arrivals, total.timed_out) == (3, 2)


def test_no_place_is_given_to_a_job_whose_time_is_over_though_the_alarm_is_late() -> None:
    house = House(size=1, queue_timeout=1.0)
    house.submit("a")
    house.submit("b")
    house.block(2.0)
    house.end_job()
    assert house.told == {"a": "returned", "b": "QueueTimeout"}
    assert house.with_worker() == ""
    error = house.jobs["b"].error
    assert isinstance(error, Overloaded)
    assert error.queue == "pool"


@pytest.mark.parametrize("kind", ["long", SHORT])
@pytest.mark.parametrize(("waits", "timed_out"), [(0.9, 0), (1.0, 1)])
def test_who_leaves_when_its_time_is_over_has_timed_out_though_the_alarm_is_late(
    waits: float, timed_out: int, kind: str
) -> None:
    house = House(size=1, queue_timeout=1.0)
    house.learn_short()
    house.submit("a", kind)
    house.worker().begin()
    house.submit("b", kind)  # a short one is sent ahead
    house.block(waits)
    house.cancel("b")
    total = house.dispatcher.tallies.total()
    assert (total.timed_out, total.cancelled) == (timed_out, 1 - timed_out)


def test_shed_jobs_are_told_so_and_do_not_wait_any_more() -> None:
    house = House(size=1, discipline=CoDel(target=0.1, interval=1.0))
    for name in "abcdefg":
        house.submit(name)
    for _ in range(3):
        house.block(0.6)
        house.end_job()
    told = list(house.told.values())
    assert told.count("Shed") == house.dispatcher.tallies.total().rejected >= 1
    assert house.dispatcher.waiting == 7 - len(told) - 1


def test_statistics_add_up() -> None:
    house = House(size=1, max_queue=2, queue_timeout=1.0)
    for name in "abcd":
        house.submit(name)
    house.block(0.5)
    house.end_job()
    house.cancel("c")
    total = house.dispatcher.tallies.total()
    assert (total.arrivals, total.completions, total.rejected, total.cancelled) == (4, 1, 1, 1)
    assert (total.waits.summary(), total.services.summary()) != (None, None)
    assert house.jobs["b"].entered - house.jobs["b"].arrived == 0.5


def test_utilization_is_the_share_of_ready_workers_time() -> None:
    house = House(size=2)
    before = house.now
    house.submit("a")
    house.pass_time(1.0)
    assert house.staff.utilization(house.now) == pytest.approx(1 / (2 * 1.0))  # what runs counts, too
    house.worker(1).begin()
    house.end_job(1, seconds=1.0)
    house.pass_time(1.0)
    assert house.staff.utilization(house.now) == pytest.approx(1 / (2 * 2.0))
    assert house.now == before + 2.0


@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("looked_at", [False, True])
def test_a_worker_with_its_last_job_is_not_busier_than_it_can_be(looked_at: bool, dies: bool) -> None:
    house = House(size=2)
    for name in "ab":
        house.submit(name)
    house.resize(1)
    assert house.states == [State.BUSY, State.RETIRING]
    house.end_job(0)
    house.worker(1).begin()
    house.pass_time(10.0)  # one worker runs its last job, the other is idle
    if looked_at:
        assert house.staff.utilization(house.now) == 0.5
    if dies:
        house.die(1)
    else:
        house.end_job(1)
    assert house.staff.utilization(house.now) == 0.5
    house.pass_time(0.5)
    assert house.staff.utilization(house.now) == pytest.approx(10.0 / 20.5)


def test_a_worker_that_is_killed_was_busy_until_then() -> None:
    house = House(size=1, run_timeout=1.0)
    house.submit("a")
    house.worker().begin()
    house.pass_time(1.3)
    before = house.staff.utilization(house.now)
    house.die()
    assert (house.told, before) == ({"a": "RunTimeout"}, 1.0)
    assert house.staff.utilization(house.now) == 1.0


def test_utilization_is_a_share() -> None:
    house = House(size=1)
    assert house.staff.utilization(house.now) == 0.0  # no time has passed
    house.pass_time(1.0)
    house.submit("a")
    house.end_job(seconds=1.5)  # by the worker's clock
    assert house.staff.utilization(house.now) == 1.0


class TestSentAhead:
    """Short jobs, up to four at a time."""

    def test_short_jobs_are_sent_ahead_and_long_ones_are_not(self) -> None:
        house = House(size=1)
        house.learn_short()
        for name in "abcdef":
            house.submit(name, SHORT)
        house.submit("long")
        assert house.with_worker() == "a b c d"
        assert (house.staff.busy, house.dispatcher.waiting) == (1, 6 - 1 + 1)

    @pytest.mark.parametrize(
        ("recent", "sent"), [(199e-6, 2), (200e-6, 1), (None, 1)], ids=["short", "not short", "never seen"]
    )
    def test_a_kind_is_short_below_a_fifth_of_a_millisecond(self, recent: float | None, sent: int) -> None:
        house = House(size=1)
        house.dispatcher.tallies["kind"].recent = recent
        for name in "ab":
            house.submit(name, "kind")
        assert len(house.slots[0].jobs) == sent

    @pytest.mark.parametrize(("ahead", "with_worker"), [(1, "a"), (2, "a b"), (8, "a b c d e f")])
    def test_ahead_is_how_many(self, ahead: int, with_worker: str) -> None:
        house = House(size=1, ahead=ahead)
        house.learn_short()
        for name in "abcdef":
            house.submit(name, SHORT)
        assert house.with_worker() == with_worker

    def test_a_call_that_fits_in_no_packet_is_not_sent_ahead_nor_taken_back(self) -> None:
        house = House(size=1)
        house.learn_short()
        house.submit("fits", SHORT, call=b"x" * FITS)
        house.submit("ahead", SHORT, call=b"x" * FITS)
        assert house.with_worker() == "fits ahead"
        house.end_job()
        house.end_job()
        house.submit("large", SHORT, call=b"x" * (FITS + 1))
        house.submit("b", SHORT)
        assert house.with_worker() == "large"  # nothing behind it, for it is not short
        house.cancel("large")
        assert len(house.worker().unread) == 1
        house.end_job()
        assert house.with_worker() == "b"

    def test_the_queue_is_no_longer_for_them(self) -> None:
        house = House(size=1, max_queue=2)
        house.learn_short()
        assert [house.submit(name, SHORT) for name in "abcd"] == ["", "", "", "QueueFull"]

    def test_the_most_that_have_waited_were_not_fewer_than_wait(self) -> None:
        house = House(size=1)
        house.learn_short()
        for waiting, name in enumerate("abcdef"):
            house.submit(name, SHORT)
            assert house.dispatcher.waiting == house.dispatcher.backlog.room.peak == waiting
        house.die()
        assert house.dispatcher.waiting == house.dispatcher.backlog.room.peak == 6

    def test_nothing_is_sent_ahead_behind_a_long_job(self) -> None:
        house = House(size=1)
        house.learn_short()
        house.submit("long")
        house.submit("a", SHORT)
        assert house.with_worker() == "long"

    def test_a_long_job_is_not_overtaken_by_short_ones_behind_it(self) -> None:
        house = House(size=1)
        house.learn_short()
        for name, kind in (("a", SHORT), ("long", "long"), ("b", SHORT), ("c", SHORT)):
            house.submit(name, kind)
        ended = []
        while house.slots[0].jobs:
            ended.append(house.with_worker().split()[0])
            house.end_job()
        assert ended == ["a", "long", "b", "c"]

    def test_an_idle_worker_takes_them_back_from_a_busy_one(self) -> None:
        house = House(size=2)
        house.learn_short()
        for name in "abcdef":
            house.submit(name, SHORT)
        assert [house.with_worker(n) for n in (0, 1)] == ["b c d e", "a f"]
        house.worker(0).begin()  # and does not end
        for _ in range(5):
            house.end_job(1)
        assert sorted(house.told) == ["a", "c", "d", "e", "f"]
        assert [house.with_worker(n) for n in (0, 1)] == ["b", ""]
        assert house.staff.busy == 1

    def test_one_that_the_worker_has_read_meanwhile_stays(self) -> None:
        house = House(size=3)
        house.learn_short()
        for name in "abcde":
            house.submit(name, SHORT)
        assert [house.with_worker(n) for n in (0, 1, 2)] == ["c d e", "b", "a"]
        house.worker(0).end()
        house.worker(0).end()
        house.worker(0).begin()  # all were read, and no reply yet
        house.end_job(1)
        house.end_job(2)
        assert house.with_worker(0) == "c d e"
        house.answer(0)
        assert sorted(house.told) == ["a", "b", "c", "d"]

    def test_it_is_taken_back_when_its_caller_leaves(self) -> None:
        house = House(size=1)
        house.learn_short()
        for name in "abc":
            house.submit(name, SHORT)
        house.worker().begin()
        house.cancel("b")
        assert house.with_worker() == "a c"
        house.end_job()
        house.end_job()
        assert house.worker().ran == [house.jobs[name].number for name in "ac"]
        assert house.dispatcher.tallies.total().cancelled == 1

    def test_it_is_taken_back_when_its_time_is_over(self) -> None:
        house = House(size=1)
        house.learn_short()
        house.submit("a", SHORT)
        house.submit("b", SHORT, queue_timeout=1.0)
        house.submit("c", SHORT)
        house.worker().begin()
        house.pass_time(1.0)
        assert house.told == {"b": "QueueTimeout"}
        assert (house.with_worker(), house.dispatcher.waiting) == ("a", 1)  # nothing is sent behind a long job

    def test_a_worker_does_not_begin_what_is_too_late(self) -> None:
        house = House(size=1)
        house.learn_short()
        house.submit("a", SHORT)
        house.submit("b", SHORT, queue_timeout=1.0)
        house.block(2.0)
        house.end_job()
        house.end_job()
        assert house.told == {"a": "returned", "b": "QueueTimeout"}
        assert house.dispatcher.tallies.total().timed_out == 1

    def test_the_wait_of_a_job_ends_when_the_one_before_it_does(self) -> None:
        house = House(size=1)
        house.learn_short()
        house.submit("a", SHORT)
        house.submit("b", SHORT)
        house.block(0.25)
        house.end_job()
        house.end_job()
        assert house.jobs["b"].entered - house.jobs["b"].arrived == 0.25

    @pytest.mark.parametrize("others", [(), ("long",)])
    def test_who_is_too_late_is_told_when_a_worker_looks_for_short_jobs(self, others: tuple[str, ...]) -> None:
        house = House(size=1)
        house.learn_short()
        for name in "abcd":
            house.submit(name, SHORT)
        house.submit("late", SHORT, queue_timeout=1.0)
        for name in others:
            house.submit(name)
        house.block(2.0)
        house.end_job()
        assert house.told == {"a": "returned", "late": "QueueTimeout"}
        assert house.with_worker() == "b c d"

    @pytest.mark.parametrize(("leaves_after", "timed_out"), [(None, 1), (0.9, 0), (1.0, 1)])
    def test_a_long_job_that_was_found_among_short_ones_waits_no_longer_than_it_would(
        self, leaves_after: float | None, timed_out: int
    ) -> None:
        house = House(size=1)
        house.learn_short()
        for name in "abcd":
            house.submit(name, SHORT)
        house.submit("long", queue_timeout=1.0)
        house.end_job()
        assert (house.with_worker(), house.dispatcher.waiting) == ("b c d", 3)
        if leaves_after is None:
            house.pass_time(1.0)
            assert house.told == {"a": "returned", "long": "QueueTimeout"}
        else:
            house.block(leaves_after)
            house.cancel("long")
        tally = house.dispatcher.tallies["long"]
        assert (house.dispatcher.waiting, tally.timed_out, tally.cancelled) == (2, timed_out, 1 - timed_out)

    def test_a_long_job_that_was_found_among_short_ones_gets_no_place_when_its_time_is_over(self) -> None:
        house = House(size=1)
        house.learn_short()
        for name in "abcd":
            house.submit(name, SHORT)
        house.submit("long", queue_timeout=1.0)
        house.end_job()
        house.block(1.0)
        for _ in "bcd":
            house.end_job()
        assert (house.told["long"], house.with_worker()) == ("QueueTimeout", "")

    def test_a_long_job_that_was_found_among_short_ones_comes_after_those_that_were_taken_back(self) -> None:
        house = House(size=1)
        house.learn_short()
        for name in "abcd":
            house.submit(name, SHORT)
        house.submit("long")
        house.end_job()
        house.worker().begin()
        house.block(1.0)
        house.cancel("c")  # with d, which is taken back as well
        assert (house.with_worker(), house.dispatcher.waiting) == ("b", 2)
        for name in ("d", "long"):
            house.end_job()
            assert house.with_worker() == name

    def test_a_long_job_that_was_found_among_short_ones_still_takes_room(self) -> None:
        house = House(size=1, max_queue=4)
        house.learn_short()
        for name in "abcd":
            house.submit(name, SHORT)
        house.submit("long")
        house.end_job()
        assert (house.with_worker(), house.dispatcher.waiting) == ("b c d", 3)
        assert [house.submit(name) for name in "ef"] == ["", "QueueFull"]

    def test_the_next_job_enters_when_the_one_before_it_goes_to_another_worker(self) -> None:
        house = House(size=2)
        house.submit("long")
        house.learn_short()
        house.submit("a", SHORT)
        house.submit("b", SHORT)
        house.block(0.5)
        house.end_job(1)
        assert (house.with_worker(0), house.with_worker(1)) == ("b", "a")
        assert house.jobs["b"].entered == house.now

    def test_what_waits_with_a_worker_is_no_longer_counted_when_it_has_died(self) -> None:
        house = House(size=2)
        house.learn_short()
        for name in "abcdefg":
            house.submit(name, SHORT)
        assert [house.with_worker(n) for n in (0, 1)] == ["b c d e", "a f g"]
        house.ran |= set(iter(house.worker(0).take_back, None))  # it had read them
        house.die(0)
        assert house.dispatcher.waiting == 2
        for name in "fg":
            house.cancel(name)
        assert (house.dispatcher.waiting, house.dispatcher.tallies[SHORT].cancelled) == (0, 2)

    def test_a_lost_worker_is_let_alone_until_it_is_gone(self) -> None:
        house = House(size=1)
        house.learn_short()
        house.submit("a", SHORT)
        house.submit("b", SHORT)
        house.staff.lose(house.slots[0], house.now)
        house.cancel("b")
        assert len(house.worker().unread) == 2
        house.die()
        assert house.dispatcher.tallies.total().cancelled == 1

    def test_a_full_pipe_takes_no_more_and_loses_nothing(self) -> None:
        house = House(size=1, pipe=2)
        house.learn_short()
        for name in "abcdefg":
            house.submit(name, SHORT)
        assert house.with_worker() == "a b"
        assert house.dispatcher.waiting == 6
        order = []
        while house.slots[0].jobs:
            order.append(house.with_worker().split()[0])
            assert len(house.slots[0].jobs) <= 2
            house.end_job()
        assert order == list("abcdefg")

    def test_what_one_pipe_does_not_take_goes_into_another(self) -> None:
        house = House(size=2)
        house.learn_short()
        house.submit("a", SHORT)
        house.submit("b", SHORT)
        house.worker(0).pipe = 1
        house.submit("c", SHORT)
        assert (house.with_worker(0), house.with_worker(1)) == ("b", "a c")

    def test_they_go_elsewhere_when_a_worker_is_free_and_the_job_before_them_runs_long(self) -> None:
        house = House(size=2, in_order=True)
        house.learn_short()
        for n in range(60):
            house.submit(str(n), SHORT)
        house.worker(1).begin()  # and does not end
        assert [house.with_worker(n) for n in (0, 1)] == ["1 2 3 4", "0 5 6 7"]
        while len(house.told) < 12:
            house.block(0.001)
            house.end_job(0)
        assert " ".join(house.told) == "1 2 3 4 8 9 5 6 7 10 11 12"  # the other worker had 8 and 9 already
        assert house.with_worker(1) == "0"

    def test_a_worker_that_finds_nothing_behind_a_long_job_is_idle_from_then_on(self) -> None:
        house = House(size=2)
        house.learn_short()
        for name in "abc":
            house.submit(name, SHORT)
        assert [house.with_worker(n) for n in (0, 1)] == ["b c", "a"]
        house.worker(0).end()
        house.worker(0).begin()  # c runs; the reply to b has not been read
        house.block(0.5)
        house.end_job(1)
        assert (house.told, house.with_worker(0)) == ({"a": "returned", "b": "returned"}, "c")
        assert (house.states[1], house.slots[1].idle_since) == (State.IDLE, house.now)

    def test_the_more_run_long_the_later_others_are_looked_at(self) -> None:
        house = House(size=4)
        house.learn_short()
        for n in range(16):
            house.submit(str(n), SHORT)
        begun = house.now
        for worker in house.workers()[:2]:
            worker.begin()  # and does not end
        for after in (0.001, 0.0025):
            house.now = begun + after
            house.end_job(2)
        house.worker(2).begin()  # nor does this
        looked = house.now = begun + 0.003
        house.end_job(3)
        assert [len(slot.jobs) for slot in house.slots] == [1, 1, 4, 4]
        house.now = looked + 1.5 * LONG
        house.end_job(3)
        assert [len(slot.jobs) for slot in house.slots] == [1, 1, 4, 4]
        house.now = looked + 2 * LONG
        house.end_job(3)
        assert [len(slot.jobs) for slot in house.slots] == [1, 1, 1, 4]

    def test_nothing_goes_elsewhere_while_all_run_short(self) -> None:
        house = House(size=2)
        house.learn_short()
        for n in range(100):
            house.submit(str(n), SHORT)
        for _ in range(40):
            house.block(0.001)
            for slot in (0, 1):
                house.end_job(slot)
                assert len(house.slots[slot].jobs) == 4

    def test_what_two_workers_give_back_is_served_in_the_order_in_which_it_came(self) -> None:
        house = House(size=2, in_order=True)
        house.learn_short()
        order = list("abcdefgh")
        for name in order:
            house.block(1e-6)
            house.submit(name, SHORT)
        for worker in house.workers():
            worker.begin()
        house.block(1.0)  # both run long
        for slot in (1, 0):
            house.cancel(house.with_worker(slot).split()[0])
        waiting = [name for name, job in house.untold() if job.worker is None]
        assert len(waiting) == 6
        for name in waiting:
            house.end_job(0)
            assert house.with_worker(0).startswith(name)

    def test_a_pipe_that_takes_nothing_belongs_to_no_worker(self) -> None:
        house = House(size=1, pipe=0)
        house.submit("a")
        assert house.worker().killed
        house.die()
        house.pipe = 1
        house.pass_time(1.0)
        house.start_all()
        assert house.with_worker() == "a"


class TestCallersThatLeave:
    def test_who_waits_takes_no_room_any_more(self) -> None:
        house = House(size=1, max_queue=1)
        house.submit("a")
        house.submit("b")
        house.cancel("b")
        assert house.submit("c") == ""

    def test_a_worker_rests_from_when_its_only_job_is_taken_back(self) -> None:
        house = House(size=1)
        house.submit("a")
        house.block(0.5)
        house.cancel("a")
        assert (house.states, house.slots[0].idle_since) == ([State.IDLE], house.now)

    def test_a_worker_that_retires_ends_when_its_only_job_is_taken_back(self) -> None:
        house = House(size=2)
        house.submit("a")
        house.submit("b")
        house.resize(1)
        assert (house.with_worker(1), house.worker(1).ending) == ("a", False)
        house.cancel("a")
        assert house.worker(1).ending

    @pytest.mark.parametrize(("on_cancel", "asked"), [("abandon", False), ("stop", True)])
    def test_a_running_job_is_let_alone_or_asked_to_end(self, on_cancel: str, asked: bool) -> None:
        house = House(size=1, on_cancel=on_cancel)
        house.submit("a")
        house.submit("b")
        house.worker().begin()
        house.cancel("a")
        assert house.worker().asked == ([house.jobs["a"].number] if asked else [])
        assert house.with_worker() == "a"  # the worker is busy until the job has ended
        house.pass_time(60.0)
        assert house.worker().killed is asked

    def test_a_job_that_nobody_waits_for_gets_as_long_as_a_start_takes(self) -> None:
        house = House(size=1, on_cancel="stop", ready=False)
        house.spawn(house.starting[0])
        house.pass_time(0.5)
        house.ready(house.slots[0])
        house.submit("a")
        house.worker().begin()
        house.cancel("a")
        house.pass_time(0.49)
        assert not house.worker().killed
        house.pass_time(0.02)
        assert house.worker().killed

    def test_a_storm_of_callers_that_leave_is_no_storm_of_starts(self) -> None:
        policy = RestartPolicy(max_restarts=2, max_seconds=10.0)
        house = House(size=1, on_cancel="stop", run_timeout=60.0, restart=policy)
        kills = []
        for name in "abc":
            house.submit(name)
            house.worker().begin()
            house.cancel(name)
            for _ in range(120):
                house.pass_time(0.1)
                if house.worker().killed:
                    kills.append(round(house.now - 100.0, 1))
                    house.die()
                    house.start_all()
                    break
        assert kills == [pytest.approx(at, abs=0.11) for at in (0.3, 0.6, 10.3)]

    def test_what_nobody_waits_for_ends_at_its_run_timeout_whatever_was_killed_before(self) -> None:
        policy = RestartPolicy(max_restarts=1, max_seconds=3600.0)
        house = House(size=1, on_cancel="stop", run_timeout=2.0, restart=policy)
        for name in "ab":
            house.submit(name)
            house.worker().begin()
            house.cancel(name)
            house.pass_time(1.9 if name == "b" else 0.3)
            assert house.worker().killed is (name == "a")
            if name == "a":
                house.die()
                house.start_all()
        house.pass_time(0.2)
        assert house.worker().killed

    def test_a_job_that_was_not_begun_is_not_run(self) -> None:
        house = House(size=1)
        house.submit("a")
        house.cancel("a")
        assert not house.worker().begin()
        assert house.dispatcher.tallies.total().cancelled == 1
        assert house.staff.busy == 0

    def test_the_next_job_is_not_ended_in_place_of_one_that_is_over(self) -> None:
        house = House(size=1, on_cancel="stop")
        house.learn_short()
        house.submit("a", SHORT)
        house.submit("b", SHORT)
        house.worker().end()
        house.worker().begin()  # b runs; the reply to a has not been read
        house.jobs["a"].caller = None
        house.told["a"] = "left"
        house.dispatcher.abandon(house.jobs["a"], house.now)
        house.done()
        assert house.worker().asked == []
        house.end_job()
        assert house.told["b"] == "returned"

    def test_a_job_sent_ahead_that_runs_unbeknown_to_the_pool_is_ended_too(self) -> None:
        house = House(size=1, on_cancel="stop")
        house.learn_short()
        house.submit("a", SHORT)
        house.submit("b", SHORT)
        house.worker().end()
        house.worker().begin()  # b runs; the reply to a has not been read
        house.cancel("b")
        assert house.told == {"b": "left", "a": "returned"}
        assert house.worker().asked == [house.jobs["b"].number]


class TestRunTimeout:
    def test_the_job_is_asked_and_then_its_worker_is_killed(self) -> None:
        house = House(size=1, run_timeout=1.0)
        house.submit("a")
        house.worker().begin()
        house.pass_time(0.99)
        assert house.worker().asked == []
        house.pass_time(0.01)
        assert house.worker().asked == [house.jobs["a"].number]
        house.pass_time(0.19)
        assert not house.worker().killed
        house.pass_time(0.02)
        assert house.worker().killed
        house.die()
        assert house.told == {"a": "RunTimeout"}
        assert house.dispatcher.tallies.total().completions == 1

    def test_a_job_neither_waits_nor_runs_beyond_the_deadline_of_its_callers_caller(self) -> None:
        house = House(size=1, run_timeout=9.0)
        house.submit("a", deadline=Deadline(house.now + 2.0))
        house.submit("b", deadline=Deadline(house.now + 1.0))
        house.submit("c", queue_timeout=0.5, deadline=Deadline(house.now + 1.0))
        house.submit("d", deadline=Deadline(house.now + 5.0))
        house.worker().begin()
        house.pass_time(0.5)
        house.pass_time(0.5)
        assert house.told == {"b": "QueueTimeout", "c": "QueueTimeout"}
        assert house.worker().asked == []
        house.pass_time(1.0)
        house.worker().obey()
        house.answer()
        assert house.told.get("a") == "RunTimeout"
        house.worker().begin()
        house.pass_time(2.9)
        assert len(house.worker().asked) == 1
        house.pass_time(0.1)
        assert house.worker().asked[1:] == [house.jobs["d"].number]

    def test_a_job_that_lets_itself_be_ended_keeps_its_worker(self) -> None:
        house = House(size=1, run_timeout=1.0)
        house.submit("a")
        house.submit("b")
        house.worker().begin()
        house.pass_time(1.0)
        house.worker().obey()
        house.answer()
        assert house.told == {"a": "RunTimeout"}
        assert house.with_worker() == "b"
        house.worker().begin()
        house.pass_time(0.9)
        assert (house.worker().asked, house.worker().killed) == ([house.jobs["a"].number], False)

    def test_a_job_whose_caller_has_left_still_has_it(self) -> None:
        house = House(size=1, run_timeout=1.0)
        house.submit("a")
        house.worker().begin()
        house.cancel("a")
        house.pass_time(1.0)
        assert house.worker().asked == [house.jobs["a"].number]

    def test_a_limit_of_one_call_goes_before_the_pools(self) -> None:
        house = House(size=2, run_timeout=1.0)
        house.submit("long", run_timeout=10.0)
        house.submit("short", run_timeout=0.5)
        for worker in house.workers():
            worker.begin()
        house.pass_time(0.6)
        assert [bool(worker.asked) for worker in house.workers()] == [True, False]

    def test_waiting_is_not_running(self) -> None:
        house = House(size=1, run_timeout=1.0)
        house.submit("a")
        house.submit("b")
        house.pass_time(0.9)
        house.end_job()
        house.worker().begin()
        house.pass_time(0.9)
        assert house.worker().asked == []

    def test_what_was_sent_ahead_goes_elsewhere_first(self) -> None:
        house = House(size=1, run_timeout=1.0)
        house.learn_short()
        for name in "abc":
            house.submit(name, SHORT)
        house.worker().begin()
        house.pass_time(1.3)
        house.die()
        house.start_all()
        assert house.with_worker() == "b c"
        assert house.told == {"a": "RunTimeout"}

    def test_a_late_loop_reads_the_reply_before_it_ends_anybody(self) -> None:
        house = House(size=1)
        house.learn_short()
        house.submit("a", SHORT, run_timeout=1.0)
        house.submit("b", SHORT, run_timeout=60.0)
        house.worker().end()
        house.worker().begin()
        house.block(5.0)
        house.ring()
        assert (house.told, house.worker().asked) == ({"a": "returned"}, [])
        house.pass_time(59.0)
        assert house.worker().asked == []
        house.pass_time(2.0)
        assert house.worker().asked == [house.jobs["b"].number]

    def test_taking_back_the_first_leaves_its_limit_to_nobody(self) -> None:
        house = House(size=1)
        house.learn_short()
        house.submit("a", SHORT, run_timeout=60.0)
        house.submit("b", SHORT, run_timeout=0.3)
        house.cancel("a")
        house.worker().begin()
        house.pass_time(0.3)
        assert house.worker().asked == [house.jobs["b"].number]

    def test_a_job_that_a_hung_worker_has_not_read_goes_to_another(self) -> None:
        house = House(size=2, run_timeout=1.0)
        house.submit("hung")
        house.submit("b")
        house.worker(0).begin()
        house.end_job(0)
        house.pass_time(1.0)
        assert [house.with_worker(n) for n in (0, 1)] == ["hung", ""]
        assert house.told == {"b": "returned"}

    def test_a_large_call_that_a_hung_worker_has_not_read_runs_elsewhere_when_it_is_dead(self) -> None:
        house = House(size=1, run_timeout=1.0)
        house.submit("a", call=b"x" * (FITS + 1))
        house.pass_time(1.3)
        assert house.worker().killed
        house.die()
        house.pass_time(0.1)
        house.start_all()
        assert (house.told, house.with_worker()) == ({}, "a")

    def test_a_job_is_over_when_its_reply_has_begun_to_come(self) -> None:
        house = House(size=1, run_timeout=1.0)
        house.submit("a")
        house.worker().begin()
        house.pass_time(0.9)
        for received in (1, 2, 3):
            house.worker().received = received
            house.pass_time(0.2)
        assert house.worker().asked == []
        house.pass_time(0.5)  # no more of it comes
        assert house.worker().asked == [house.jobs["a"].number]
        assert house.worker().killed

    def test_a_worker_that_reads_no_jobs_is_killed_and_the_job_runs_elsewhere(self) -> None:
        house = House(size=1, run_timeout=0.3)
        house.submit("a")
        house.pass_time(0.8)
        assert not house.worker().killed
        house.pass_time(0.5)
        assert house.worker().killed
        house.die()
        house.pass_time(0.1)
        house.start_all()
        house.end_job()
        assert house.told == {"a": "returned"}

    def test_callers_that_leave_at_once_do_not_make_a_worker_look_hung(self) -> None:
        house = House(size=1)
        for n in range(10):
            house.submit(str(n))
            house.cancel(str(n))
            house.pass_time(1.0)
        assert not house.worker().killed


class TestDeath:
    @pytest.mark.parametrize(("code", "says"), [(-9, "signal 9"), (7, "exit code 7")])
    def test_the_job_it_ran_has_failed(self, code: int, says: str) -> None:
        house = House(size=1)
        house.submit("a")
        house.worker().begin()
        house.die(code=code)
        assert house.told == {"a": "BrokenWorkerError"}
        assert says in str(house.jobs["a"].error)
        assert house.jobs["a"].error.exit_code == code  # type: ignore[union-attr]

    def test_what_it_had_not_read_goes_to_others(self) -> None:
        house = House(size=2)
        house.learn_short()
        for name in "abcde":
            house.submit(name, SHORT)
        house.worker(0).begin()
        assert house.with_worker(0) == "b c d e"
        house.die(0)
        assert house.told == {"b": "BrokenWorkerError"}
        assert house.with_worker(1) == "a c d e"

    def test_a_job_that_it_had_ended_just_before_is_not_lost(self) -> None:
        house = House(size=1)
        house.submit("a")
        house.worker().end()
        house.die()
        assert house.told == {"a": "returned"}

    def test_nothing_is_given_to_a_worker_that_has_to_die(self) -> None:
        house = House(size=1, run_timeout=1.0)
        house.submit("a", SHORT)
        house.learn_short()
        house.worker().begin()
        house.pass_time(2.0)
        house.submit("b", SHORT)
        assert house.with_worker() == "a"


def test_closing_refuses_who_waits_and_lets_the_rest_end() -> None:
    house = House(size=1)
    house.learn_short()
    for name in "abcdef":
        house.submit(name, SHORT)
    house.worker().begin()
    house.close()
    assert house.told == dict.fromkeys("bcdef", "Closed")
    assert house.submit("late") == "Closed"
    assert not house.worker().ending
    house.end_job()
    assert house.told["a"] == "returned"
    assert house.worker().ending
    total = house.dispatcher.tallies.total()
    assert (total.arrivals, total.completions, total.cancelled) == (6, 1, 5)


def test_all_that_wait_when_a_pool_closes_count_as_cancelled() -> None:
    house = House(size=1)
    for name in "abc":
        house.submit(name)
    house.worker().begin()
    house.close()
    assert house.dispatcher.tallies.total().cancelled == 2


def test_jobs_that_wait_for_a_worker_in_place_of_theirs_count_as_cancelled_when_the_pool_closes() -> None:
    house = House(size=1)
    house.learn_short()
    for name in "abc":
        house.submit(name, SHORT)
    house.die()
    house.close()
    assert house.told == dict.fromkeys("abc", "Closed")
    assert house.dispatcher.tallies.total().cancelled == 3


def test_a_job_that_its_worker_did_not_survive_waited_and_ran() -> None:
    house = House(size=1)
    for name in "ab":
        house.submit(name)
    house.block(0.5)
    house.end_job(seconds=0.125)
    house.block(0.25)
    house.worker().begin()
    house.die()
    tally = house.dispatcher.tallies["long"]
    assert (tally.completions, tally.waits.total, tally.services.total) == (2, 0.5, 0.375)


def test_who_asked_without_a_task_and_leaves_has_waited_if_its_job_was_only_sent_ahead() -> None:
    house = House(size=1)
    house.learn_short()
    for name in "ab":
        house.submit(name, SHORT)
    house.worker().begin()
    assert house.with_worker() == "a b"
    ledgers = {name: Ledger("GET /", now=lambda: house.now) for name in "ba"}
    house.block(1e-3)

    def abandon(job: Job) -> None:
        house.dispatcher.abandon(job, house.now)
        house.done()

    for name, ledger in ledgers.items():
        asked = AskedJob(house, abandon)
        asked.job = house.jobs[name]
        asked.give_up(ledger)
    assert [ledger.parts for ledger in ledgers.values()] == [{QUEUE: pytest.approx(1e-3)}, {RUN: pytest.approx(1e-3)}]


def test_a_job_that_a_closed_pool_ends_is_told_so() -> None:
    house = House(size=1)
    house.submit("a")
    house.worker().begin()
    house.close()
    house.die()
    assert house.told == {"a": "Closed"}
    assert house.starting == []
    assert house.jobs["a"].error.args == ("pool was closed while the job ran",)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("code", "how"), [(-9, " with signal 9"), (3, " with exit code 3"), (0, " with exit code 0"), (None, "")]
)
def test_a_caller_is_told_how_its_worker_died(code: int | None, how: str) -> None:
    house = House(size=1)
    house.submit("a")
    house.worker().begin()
    house.die(code=code)
    error = house.jobs["a"].error
    assert isinstance(error, BrokenWorkerError)
    assert (str(error), error.exit_code) == (f"the worker died{how}", code)
