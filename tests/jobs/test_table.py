"""Unit: what can be done to the jobs in a file, against a model that keeps them in a dictionary."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from trio_lab.errors import UsageError
from trio_lab.jobs.contract import Claimed, NewJob
from trio_lab.jobs.schema import prepare
from trio_lab.jobs.table import Table, key, new_row

LEASE = 10.0
BOUND = 6
ENDED = {"succeeded", "failed", "dead", "cancelled"}
UNSTORABLE: Any = object()
OPENED: list[sqlite3.Connection] = []
GOOD = st.sampled_from([True, True, True, False])


@pytest.fixture(autouse=True)
def _closing() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


def memory() -> sqlite3.Connection:
    OPENED.append(sqlite3.connect(":memory:", isolation_level=None))
    return OPENED[-1]


def table(bound: int | None = None) -> Table:
    connection = memory()
    prepare(connection, synchronous="FULL")
    found = Table(connection, bound=bound)
    found.begun()
    return found


def submit(jobs: Table, new: NewJob, args: str, now: float) -> int | Exception | None:
    (id,) = jobs.submit([new_row(new, args, now)])
    return id


def claim(jobs: Table, most: int, worker: str, now: float) -> list[Claimed]:
    (found,) = jobs.claim([(most, worker, LEASE)], now)
    assert isinstance(found, list)
    return found


@dataclass
class Kept:
    """What the model knows of a job."""

    state: str
    max_tries: int
    priority: int
    tries: int = 0
    due: float = 0.0
    until: float = 0.0
    worker: str = ""
    cancelling: bool = False
    told: tuple[int, str] | None = None  # the try that its worker has ended last, while no other has begun


class Jobs(RuleBasedStateMachine):
    """One step is one transaction."""

    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.table = table(BOUND)
        self.kept: dict[int, Kept] = {}
        self.now = 1000.0
        self.fenced = 0

    def end_step(self) -> None:
        self.table.ending()
        self.table.begun()

    def waiting(self) -> int:
        return sum(one.state == "queued" for one in self.kept.values())

    def look_at_the_clock(self) -> None:
        for one in self.kept.values():
            if one.state == "running" and one.until <= self.now:
                one.state = "cancelled" if one.cancelling else "queued" if one.tries < one.max_tries else "dead"
                one.cancelling, one.due = False, 0.0

    def ready(self) -> list[int]:
        """In the order in which they are claimed."""
        self.look_at_the_clock()
        ready = [id for id, one in self.kept.items() if one.state == "queued" and one.due <= self.now]
        return sorted(ready, key=lambda id: (-self.kept[id].priority, id))

    def begin(self, job: Claimed, worker: str) -> None:
        one = self.kept[int(job.id)]
        one.state, one.tries, one.until, one.worker = "running", one.tries + 1, self.now + LEASE, worker
        one.told = None
        assert (job.tries, job.worker) == (one.tries, worker)

    @rule(
        asked=st.lists(st.tuples(st.sampled_from([0.0, 5.0]), st.integers(-1, 1), st.integers(1, 3), GOOD), min_size=1)
    )
    def submit(self, asked: list[tuple[float, int, int, bool]]) -> None:
        rows = []
        for delay, priority, max_tries, good in asked:
            new = NewJob(name="job", args={}, delay=delay, priority=priority, max_tries=max_tries)
            rows.append(new_row(new, "{}" if good else UNSTORABLE, self.now))
        for id, (delay, priority, max_tries, good) in zip(self.table.submit(rows), asked, strict=True):
            assert (id is None) == (self.waiting() >= BOUND)
            assert id is None or isinstance(id, Exception) != good
            if isinstance(id, int):
                assert id not in self.kept
                due = self.now + delay if delay else 0.0
                self.kept[id] = Kept("queued", max_tries, priority, due=due)
        self.end_step()

    @rule(
        target=claims, asked=st.lists(st.tuples(st.integers(1, 3), st.sampled_from("ab"), GOOD), min_size=1, max_size=3)
    )
    def claim(self, asked: list[tuple[int, str, bool]]) -> list[Claimed]:
        ready = self.ready()
        gained = self.table.claim(
            [(most, worker if good else UNSTORABLE, LEASE) for most, worker, good in asked], self.now
        )
        claimed = []
        for found, (most, worker, good) in zip(gained, asked, strict=True):
            if not good and ready:
                assert isinstance(found, Exception)
                ready = ready[1:]
                continue
            assert isinstance(found, list)
            due, ready = ready[:most], ready[most:]
            assert [int(one.id) for one in found] == due, "the most urgent first, then the oldest"
            for one in found:
                self.begin(one, worker)
            claimed += found
        self.end_step()
        return claimed

    def held(self, job: Claimed) -> bool:
        one = self.kept[int(job.id)]
        return one.state == "running" and (one.tries, one.worker) == (job.tries, job.worker)

    def check_end(self, job: Claimed, counted: bool | Exception) -> bool:
        """Returns whether it has ended the job now."""
        one, end, held = self.kept[int(job.id)], (job.tries, job.worker), self.held(job)
        told = end == one.told
        assert counted == (held or told)
        self.fenced += not counted
        if held:
            one.told = end
        return held

    def check_success(self, job: Claimed, counted: bool | Exception) -> None:
        if self.check_end(job, counted):
            self.kept[int(job.id)].state = "succeeded"

    @rule(claimed=st.lists(claims, min_size=1, max_size=3), goods=st.lists(GOOD, min_size=9, max_size=9))
    def finish(self, claimed: list[list[Claimed]], goods: list[bool]) -> None:
        """The same job may be there twice: then its first end counts, and the other is answered in the same way."""
        jobs = list(zip(chain(*claimed), goods, strict=False))
        ends = self.table.finish([('"done"' if good else UNSTORABLE, *key(job)) for job, good in jobs])
        for end, (job, good) in zip(ends, jobs, strict=True):
            if not good:
                assert isinstance(end, Exception)
                continue
            self.check_success(job, end)
        self.end_step()

    @rule(
        target=claims,
        claimed=st.lists(claims, min_size=1, max_size=3),
        goods=st.lists(GOOD, min_size=9, max_size=9),
    )
    def finish_and_claim(self, claimed: list[list[Claimed]], goods: list[bool]) -> list[Claimed]:
        jobs = list(zip(chain(*claimed), goods, strict=False))
        asked = [(('"done"' if good else UNSTORABLE, *key(job)), LEASE) for job, good in jobs]
        gained = self.table.finish_and_claim(asked, self.now)
        for end, (job, good) in zip(gained, jobs, strict=True):
            assert isinstance(end, Exception) != good
            if not isinstance(end, Exception):
                self.check_success(job, end[0])
        ready, found = self.ready(), []
        for end, (job, _) in zip(gained, jobs, strict=True):
            if isinstance(end, Exception):
                continue
            following = end[1]
            assert (following is None) == (not ready)
            if following is not None:
                assert int(following.id) == ready.pop(0)
                self.begin(following, job.worker)
                found.append(following)
        self.end_step()
        return found

    @rule(claimed=claims, again_in=st.sampled_from([None, 0.0, 3.0]))
    def fail(self, claimed: list[Claimed], again_in: float | None) -> None:
        for job in claimed:
            if self.check_end(job, self.table.fail(job, "it failed", self.now, again_in)):
                one = self.kept[int(job.id)]
                one.state = "failed" if again_in is None else "queued" if one.tries < one.max_tries else "dead"
                one.due = self.now + (again_in or 0.0)
                if one.cancelling:
                    one.state, one.cancelling = "cancelled", False
        self.end_step()

    @rule(claimed=claims, cancelled=st.booleans())
    def give_back(self, claimed: list[Claimed], cancelled: bool) -> None:
        for job in claimed:
            if self.check_end(job, self.table.give_back(job, cancelled=cancelled)):
                one = self.kept[int(job.id)]
                ended = cancelled or one.cancelling
                one.state, one.due, one.cancelling = "cancelled" if ended else "queued", 0.0, False
                one.tries -= not ended
        self.end_step()

    @rule(claimed=claims)
    def renew(self, claimed: list[Claimed]) -> None:
        leases = self.table.renew([(job, 0.5) for job in claimed], self.now, LEASE)
        for job, lease in zip(claimed, leases, strict=True):
            one = self.kept[int(job.id)]
            assert lease.held == self.held(job)
            assert lease.cancelling == (lease.held and one.cancelling)
            if lease.held:
                one.until = self.now + LEASE
        self.end_step()

    @precondition(lambda self: self.kept)
    @rule(data=st.data(), again=st.booleans())
    def cancel_or_retry(self, data: st.DataObject, again: bool) -> None:
        id = data.draw(st.sampled_from(sorted(self.kept)))
        one = self.kept[id]
        if again:
            self.table.retry(id, self.now)
            if one.state in ENDED - {"succeeded"}:
                one.state, one.tries, one.due, one.cancelling, one.told = "queued", 0, 0.0, False, None
        else:
            self.table.cancel(id, self.now)
            if one.state == "queued":
                one.state = "cancelled"
            elif one.state == "running":
                one.cancelling = True
        self.end_step()

    @rule(seconds=st.sampled_from([1.0, 4.0, 11.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def every_job_is_where_the_model_has_it(self) -> None:
        for id, one in self.kept.items():
            found = self.table.get(id, self.now)
            assert found is not None
            assert (found.state, found.tries) == (one.state, one.tries)

    @invariant()
    def the_counts_add_up(self) -> None:
        tally = self.table.tally()
        states = [one.state for one in self.kept.values()]
        assert (tally.waiting, tally.running) == (states.count("queued"), states.count("running"))
        assert tally.fenced == self.fenced
        assert tally.arrivals == tally.completions + tally.cancelled + tally.running + tally.waiting


TestJobs = Jobs.TestCase
TestJobs.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_job_that_kills_its_worker_each_time_ends_as_a_dead_letter() -> None:
    jobs, now = table(), 0.0
    id = submit(jobs, NewJob(name="poison", args={}, max_tries=2), "{}", now)
    assert isinstance(id, int)
    for _ in range(2):
        assert len(claim(jobs, 1, "a", now)) == 1
        now += LEASE
    assert claim(jobs, 1, "a", now) == []
    found = jobs.get(id, now)
    assert found is not None
    assert (found.state, found.tries) == ("dead", 2)
    assert found.error is not None
    assert "worker was lost" in found.error
    assert jobs.next_due() is None


def test_the_newest_jobs_by_state_and_name() -> None:
    jobs = table()
    for name in ("one", "two", "one"):
        submit(jobs, NewJob(name=name, args={"name": name}), f'{{"name": "{name}"}}', 0.0)
    (first,) = claim(jobs, 1, "a", 0.0)
    jobs.finish([("[1]", *key(first))])
    assert [one.id for one in jobs.jobs(1.0, state=None, name=None, limit=2)] == ["3", "2"]
    assert [one.id for one in jobs.jobs(1.0, state=None, name="one", limit=9)] == ["3", "1"]
    (found,) = jobs.jobs(1.0, state="succeeded", name=None, limit=9)
    assert found.shown() == {
        "id": "1", "job": "one", "args": {"name": "one"}, "state": "succeeded", "tries": 1, "max_tries": 5, "age_s": 1.0,
        "result": [1],
    }  # fmt: skip


def test_the_time_of_the_next_scheduled_job_and_of_the_next_lease() -> None:
    jobs = table()
    assert jobs.next_due() is None
    submit(jobs, NewJob(name="later", args={}, delay=30.0), "{}", 100.0)
    assert jobs.next_due() == 130.0
    submit(jobs, NewJob(name="now", args={}), "{}", 100.0)
    claim(jobs, 5, "a", 100.0)
    assert jobs.next_due() == 110.0


def test_a_file_of_another_program_is_left_alone() -> None:
    connection = memory()
    connection.execute("CREATE TABLE job (x)")
    with pytest.raises(UsageError, match="another program"):
        prepare(connection, synchronous="FULL")


def test_a_job_that_was_cancelled_is_not_begun_again_when_its_try_ends_before_its_worker_hears_of_it() -> None:
    jobs = table()
    for _ in range(2):
        submit(jobs, NewJob(name="job", args={}), "{}", 0.0)
    failed, stopped = claim(jobs, 2, "a", 0.0)
    for id in (1, 2):
        jobs.cancel(id, 0.0)
    assert jobs.fail(failed, "it failed", 0.0, 1.0)
    assert jobs.give_back(stopped, cancelled=False)
    found = jobs.jobs(0.0, state=None, name=None, limit=9)
    assert [(one.state, one.tries, one.error) for one in found] == [
        ("cancelled", 1, None),
        ("cancelled", 1, "it failed"),
    ]
