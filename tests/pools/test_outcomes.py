"""Contract: a job's own error arrives as itself, whatever it is; nothing that is read from a worker ends the program."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

import trio_lab
from trio_lab.drills import poison
from trio_lab.errors import JobError
from trio_lab.pools.outcome import raise_failure, result_in
from trio_lab.pools.workers import WorkerPool
from trio_lab.worker.failures import failure_of, unsendable
from trio_lab.worker.frames import dump

from . import jobs, raised
from .raised import ARRIVE, EVIL, TOLD


def sent(name: str) -> BaseException:
    """What the pool raises for a job that raises this."""
    try:
        raised.raise_by_name(name)
    except BaseException as error:
        body = dump(tuple(failure_of(error)))
    try:
        raise_failure(body)
    except BaseException as arrived:
        return arrived


@pytest.mark.parametrize("name", ARRIVE)
def test_an_exception_arrives_as_itself(name: str) -> None:
    make, attributes = ARRIVE[name]
    before, arrived = make(), sent(name)
    assert type(arrived) is type(before)
    assert {name: getattr(arrived, name) for name in attributes} == attributes
    assert "raise_by_name" in "".join(traceback.format_exception(arrived))


@pytest.mark.parametrize("name", TOLD)
def test_what_cannot_travel_is_told_with_type_text_and_traceback(name: str) -> None:
    arrived = sent(name)
    assert type(arrived) is JobError
    assert TOLD[name][1] in str(arrived)
    assert "raise_by_name" in arrived.__notes__[0]


def test_groups_arrive_with_all_that_is_in_them() -> None:
    error = sent("group in groups")
    for _ in range(20):
        assert isinstance(error, ExceptionGroup)
        (error,) = error.exceptions
    assert type(error) is raised.NeedsKeyword
    assert error.code == 7


def test_notes_that_are_a_list_get_one_more() -> None:
    error = sent("frozen with slots and a note")
    assert error.__notes__[0] == "a note"
    assert error.__notes__[1].startswith("\nIn the worker:\nTraceback")
    assert error.__cause__ is None


def test_other_notes_are_left_alone_and_the_traceback_is_the_cause() -> None:
    for name in ("notes are a tuple", "notes are a number"):
        assert "In the worker:\nTraceback" in str(sent(name).__cause__)


def test_no_depth_of_groups_is_too_much() -> None:
    error = raised._nested(5_000)
    with pytest.raises(JobError, match=r"ExceptionGroup: deeper \(1 sub-exception\)"):
        raise_failure(dump(tuple(failure_of(error))))


def test_an_exception_that_cannot_be_read_here_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    body = dump(tuple(failure_of(raised.OnlyInTheWorker())))
    monkeypatch.setattr(raised, "refuses_to_be_read", True)
    with pytest.raises(JobError) as error:
        raise_failure(body)
    assert str(error.value) == (
        "tests.pools.raised.OnlyInTheWorker: text\nof two lines\n(the exception cannot be read here: SystemExit: read)"
    )


@pytest.mark.parametrize("error", EVIL)
def test_a_result_that_raises_when_it_is_read_is_a_job_error(error: type[BaseException]) -> None:
    with pytest.raises(JobError, match=f"cannot be read here: .*{error.__name__}") as told:
        result_in(dump(raised.return_evil(error)))
    assert type(told.value.__cause__) is error


def test_a_result_that_cannot_be_sent_is_told_whatever_its_class_does() -> None:
    class Nameless(type):
        @property
        def __name__(cls) -> str:
            raise SystemExit

    class Result(metaclass=Nameless):
        pass

    failure = unsendable(jobs.echo, Result(), raised.Moody("x"))
    assert failure.told == "the result cannot be sent back (<exception str() failed>)"
    assert unsendable(jobs.echo, object(), SystemExit(3)).told.startswith(
        "echo returned a object, which cannot be sent back (SystemExit: 3): let it return plain values"
    )


@pytest.fixture
async def pool() -> Iterator[WorkerPool]:  # type: ignore[misc]  # pytest-trio awaits it
    async with trio_lab.open_worker_pool(size=1) as pool:
        yield pool  # type: ignore[misc]


async def test_a_worker_survives_whatever_its_jobs_raise(pool: WorkerPool) -> None:
    pid = await pool.run(jobs.pid)
    for name, (make, attributes) in ARRIVE.items():
        with pytest.raises(type(make())) as arrived:
            await pool.run(raised.raise_by_name, name)
        assert {name: getattr(arrived.value, name) for name in attributes} == attributes
    for name, (_, told) in TOLD.items():
        with pytest.raises(JobError) as error:
            await pool.run(raised.raise_by_name, name)
        assert told in str(error.value)
    assert await pool.run(jobs.pid) == pid


async def test_a_worker_survives_arguments_that_raise_when_they_are_read(pool: WorkerPool) -> None:
    pid = await pool.run(jobs.pid)
    for error in EVIL:
        with pytest.raises(error if error in raised.TRAVEL else JobError):
            await pool.run(jobs.echo, raised.EvilArgument(error))
        with pytest.raises(JobError, match=f"cannot be read here: .*{error.__name__}"):
            await pool.run(raised.return_evil, error)
    assert await pool.run(jobs.pid) == pid
    assert pool.statistics().arrivals == pool.statistics().completions


async def test_a_jobs_error_leaves_the_pools_block_bare() -> None:
    with pytest.raises(raised.Frozen):
        async with trio_lab.open_worker_pool(size=1) as pool:
            await pool.run(raised.raise_by_name, "frozen dataclass")


async def test_an_exception_for_want_of_memory_arrives_when_the_job_has_filled_it() -> None:
    async with trio_lab.open_worker_pool(size=1, memory=100_000_000) as pool:
        pid = await pool.run(jobs.pid)
        with pytest.raises(MemoryError):
            await pool.run(poison.fill_memory_slowly, 300)
        assert await pool.run(jobs.pid) == pid


def _exceptions(kind: type[Exception] = Exception) -> Iterator[type[Exception]]:
    for derived in kind.__subclasses__():
        if derived.__module__ == "builtins":
            yield derived
            yield from _exceptions(derived)


@pytest.mark.parametrize("kind", sorted({*_exceptions()} - {StopIteration}, key=lambda kind: kind.__name__))
def test_every_builtin_exception_arrives_and_so_does_a_class_of_ones_own(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    args: tuple[object, ...] = (2, "why", "/a/file") if issubclass(kind, OSError) else ("one", 2)
    args = {
        UnicodeDecodeError: ("ascii", b"\xff", 0, 1, "why"),
        UnicodeEncodeError: ("ascii", "\xff", 0, 1, "why"),
        UnicodeTranslateError: ("\xff", 0, 1, "why"),
        ExceptionGroup: ("text", [ValueError("one")]),
    }.get(kind, args)
    if issubclass(kind, SyntaxError):
        args = ("text", ("file.py", 1, 2, "x y", 1, 3))

    class Own(kind):  # type: ignore[misc, valid-type]
        def __init__(self, *args: object, code: int) -> None:
            super().__init__(*args)
            self.code = code

        def __new__(cls, *args: object, code: int) -> Any:
            return super().__new__(cls, *args)

    Own.__qualname__ = "Own"
    monkeypatch.setattr(sys.modules[__name__], "Own", Own, raising=False)
    for error in (kind(*args), Own(*args, code=7)):
        with pytest.raises(type(error)) as arrived:
            raise_failure(dump(tuple(failure_of(error))))
        del arrived.value.__notes__
        assert (str(arrived.value), repr(arrived.value)) == (str(error), repr(error))
        assert vars(arrived.value) == vars(error)
        for name in ("errno", "filename", "object", "reason", "lineno", "end_offset", "code"):
            assert getattr(arrived.value, name, None) == getattr(error, name, None)
