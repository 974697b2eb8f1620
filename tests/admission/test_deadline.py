"""Unit: the deadline of a request bounds the waits of all that works for it."""

from __future__ import annotations

import math

import pytest
import trio

import trio_lab
from tests.admission.houses import HOUSES, House
from tests.pools import jobs
from trio_lab.admission.deadline import DEADLINE, Deadline, within_deadline
from trio_lab.errors import RunTimeout


@pytest.mark.parametrize(
    ("at", "timeout", "bound"),
    [(5.0, None, 2.0), (5.0, 1.0, 1.0), (5.0, 9.0, 2.0), (2.0, 9.0, 0.0), (2.0, None, 0.0), (math.inf, 9.0, 9.0)],
)
def test_a_wait_is_as_long_as_the_shorter_of_the_two(at: float, timeout: float | None, bound: float) -> None:
    assert Deadline(at).within(timeout, 3.0) == bound


def test_a_deadline_that_was_lifted_bounds_nothing() -> None:
    deadline = Deadline(5.0)
    deadline.lift()
    assert deadline.within(None, 9.0) is None


def test_without_a_request_there_is_no_deadline() -> None:
    assert within_deadline(7.0, 3.0) == 7.0


@pytest.mark.parametrize("house", [house() for house in HOUSES], ids=lambda house: house.name)
def test_a_bulkhead_refuses_when_the_callers_deadline_has_come(house: House) -> None:
    async def story(house: House) -> None:
        b = house.make("test", capacity=1, queue_timeout=9.0)
        await house.call(b)
        token = DEADLINE.set(Deadline(b._now() + 2.0))
        caller = await house.call(b)
        DEADLINE.reset(token)
        other = await house.call(b)
        house.pass_time(2.0)
        await house.settle()
        assert (caller.fate, other.fate) == ("QueueTimeout", "waits")

    house.run(story)


async def test_a_worker_ends_a_job_at_the_deadline() -> None:
    async with trio_lab.open_worker_pool(size=1) as pool:
        await pool.run(jobs.echo, 1)
        DEADLINE.set(Deadline(trio.current_time() + 0.1))
        with pytest.raises(RunTimeout):
            await pool.run(jobs.sleep_long)
