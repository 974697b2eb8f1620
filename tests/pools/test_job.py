"""Unit: where a job's time is booked, and what its caller is given."""

from __future__ import annotations

import math
from pickle import dumps
from typing import Any

import pytest

from trio_lab.errors import BrokenWorkerError, JobError, QueueTimeout, RunTimeout
from trio_lab.measure.ledger import QUEUE, RUN
from trio_lab.pools.job import Job
from trio_lab.worker.frames import CANCELLED, EXPIRED, RAISED, RETURNED, RETURNED_NONE, Failure, Reply

ARRIVED, ENTERED, NOW = 100.0, 101.0, 104.0
BOOKED_ALL = [(QUEUE, ARRIVED, ENTERED), (RUN, ENTERED, NOW)]


class Book:
    """A ledger that keeps what it is told."""

    def __init__(self) -> None:
        self.entries: list[tuple[Any, ...]] = []

    def add(self, part: str, begun: float, ended: float) -> None:
        self.entries.append((part, begun, ended))

    def add_job(self, handed_over: float, begun: float, ended: float) -> None:
        self.entries.append(("job", handed_over, begun, ended))


def a_job(*, reply: Reply | None = None, worker: object = None, error: BaseException | None = None) -> Job:
    job = Job("kind", 0, ARRIVED, None)
    job.entered = ENTERED
    job.reply, job.worker, job.error = reply, worker, error
    return job


@pytest.mark.parametrize(
    ("job", "failure", "booked"),
    [
        (a_job(reply=(1, RETURNED, 50.0, 2.0, b"")), None, [(QUEUE, ARRIVED, ENTERED), ("job", ENTERED, 50.0, 52.0)]),
        (a_job(reply=(1, EXPIRED, 50.0, 0.0, b""), worker=object()), QueueTimeout("pool"), [(QUEUE, ARRIVED, NOW)]),
        (a_job(worker=object()), None, BOOKED_ALL),  # its caller left while it ran
        (a_job(), BrokenWorkerError("died", exit_code=1), BOOKED_ALL),
        (a_job(), RunTimeout("killed"), BOOKED_ALL),
        (a_job(), QueueTimeout("pool"), [(QUEUE, ARRIVED, NOW)]),
        (a_job(), None, [(QUEUE, ARRIVED, NOW)]),  # its caller left while it waited
    ],
)
def test_time_is_booked_as_wait_and_as_run(job: Job, failure: Exception | None, booked: list[Any]) -> None:
    book = Book()
    job.book(book, failure, NOW)
    assert book.entries == booked


def test_a_result_is_given_and_none_is_not_read() -> None:
    assert a_job(reply=(1, RETURNED, 0.0, 0.0, dumps([1, 2]))).unwrap() == [1, 2]
    assert a_job(reply=(1, RETURNED_NONE, 0.0, 0.0, b"")).unwrap() is None


@pytest.mark.parametrize(
    ("job", "error", "said"),
    [
        (a_job(error=QueueTimeout("pool")), QueueTimeout, "pool"),
        (a_job(reply=(1, CANCELLED, 0.0, 0.0, b"")), RunTimeout, "run timeout"),
        (
            a_job(reply=(1, RAISED, 0.0, 0.0, dumps(tuple(Failure(None, "what it was", "where"))))),
            JobError,
            "what it was",
        ),
    ],
)
def test_what_ended_a_job_is_raised(job: Job, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        job.unwrap()


@pytest.mark.parametrize(("patience", "deadline"), [(None, math.inf), (2.5, 102.5)])
def test_a_job_that_is_taken_back_waits_until_the_same_deadline(patience: float | None, deadline: float) -> None:
    job = Job("kind", 0, ARRIVED, patience)
    job.worker, job.timed_out, job.deadline = object(), True, 7.0
    job.withdraw()
    job.wait_again()
    assert (job.worker, job.timed_out, job.deadline) == (None, False, deadline)
