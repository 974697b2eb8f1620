"""Calls as bytes: the function once, the arguments each time, and never another function than the one that was meant."""

from __future__ import annotations

import threading
import types
from collections.abc import Callable, Iterator
from functools import partial
from pickle import loads
from typing import Any, NoReturn

import pytest

import trio_lab
from trio_lab.pools.calls import Calls
from trio_lab.worker.frames import Pieces

from . import jobs
from .raised import EVIL


@pytest.fixture
def calls() -> Calls:
    return Calls()


def read(call: bytes | Pieces, split: int) -> Any:
    assert isinstance(call, bytes)
    if not split:
        return loads(call)
    return loads(call[:split]), loads(call[split:]) if split < len(call) else ()


@pytest.mark.parametrize(
    ("fn", "args", "whole"),
    [
        (jobs.echo, (1,), False),
        (jobs.pid, (), False),
        (len, ("abc",), True),
        (dict, (), True),
        ("abc".upper, (), True),
        (partial(jobs.echo, 1), (), True),
    ],
)
def test_what_was_written_is_what_is_read(
    calls: Calls, fn: Callable[..., Any], args: tuple[object, ...], whole: bool
) -> None:
    for _ in range(2):
        call, split = calls.write(fn, args)
        assert isinstance(call, bytes)
        assert (split == 0) is whole
        read_fn, read_args = read(call, split)
        assert read_args == args
        assert read_fn(*read_args) == fn(*args)


def test_the_arguments_are_written_each_time(calls: Calls) -> None:
    value = [1]
    calls.write(jobs.echo, (value,))
    value.append(2)
    assert read(*calls.write(jobs.echo, (value,)))[1] == ([1, 2],)


def test_a_function_that_was_replaced_is_refused(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    before = jobs.pid
    calls.write(before, ())
    monkeypatch.setattr(jobs, "pid", jobs.spin)
    with pytest.raises(TypeError, match=r"cannot send pid to a worker: .*not the same object"):
        calls.write(before, ())
    monkeypatch.undo()
    assert read(*calls.write(before, ())) == (before, ())


class Report:
    """Holds something that cannot be pickled."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def total(self) -> int:
        return 1


async def fetch() -> None: ...


def numbers() -> Iterator[int]:
    yield 1


def made() -> Callable[[], None]:
    def inner() -> None: ...

    return inner


@pytest.mark.parametrize(
    ("fn", "args", "says"),
    [
        (lambda: None, (), "cannot send <lambda> to a worker.*define it with def at the top level of a module"),
        (made(), (), "cannot send made.<locals>.inner to a worker.*define it with def at the top level of a module"),
        (partial(made()), (), "cannot send made.<locals>.inner to a worker"),
        (
            Report().total,
            (),
            "cannot send Report.total to a worker, since its Report cannot be pickled .*lock.*pass it",
        ),
        (
            jobs.echo,
            (threading.Lock(),),
            "cannot send argument 1 of echo, a lock, to a worker: cannot pickle '_thread.lock'",
        ),
        (divmod, (1, lambda: None), "cannot send argument 2 of divmod, a function, to a worker"),
        (jobs.echo, (b"x" * 100_000, threading.Lock()), "cannot send argument 2 of echo, a lock"),
        (fetch, (), "runs blocking functions, and fetch is async: await it in your task"),
        (numbers, (), r"would run nothing of numbers, a generator function: give it one that returns list\(numbers"),
        (len("a result"), (), "needs a function and its arguments.*was the function called already"),
    ],
)
def test_what_a_worker_cannot_run_is_named(calls: Calls, fn: Any, args: tuple[object, ...], says: str) -> None:
    for _ in range(2):
        with pytest.raises(TypeError, match=says) as raised:
            calls.write(fn, args)
        assert str(raised.value).startswith("WorkerPool.run ")


def test_what_is_kept_is_bounded(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(1000):
        made = types.FunctionType(jobs.pid.__code__, vars(jobs), f"made_{n}")
        made.__module__, made.__qualname__ = jobs.__name__, made.__name__
        monkeypatch.setattr(jobs, made.__name__, made, raising=False)
        assert read(*calls.write(made, ()))[0] is made
    assert len(calls._written) <= 256


async def test_a_worker_runs_what_its_module_has_now() -> None:
    async with trio_lab.open_worker_pool(size=1) as pool:
        assert await pool.run(jobs.replaced) == "as it was"
        await pool.run(jobs.replace)
        assert await pool.run(jobs.replaced) == "another"
        assert await pool.run(jobs.replaced) == "another"


@pytest.mark.parametrize(
    "value", [b"x" * 100_000, bytearray(b"x" * 100_000), "é" * 100_000], ids=["bytes", "bytearray", "str"]
)
def test_a_large_string_is_written_in_pieces_and_not_seen_to_change(calls: Calls, value: Any) -> None:
    call, split = calls.write(jobs.echo, (1, value))
    assert isinstance(call, Pieces)
    before = type(value)(value)
    if isinstance(value, bytearray):
        value[:] = b"y" * len(value)
    whole = b"".join(call.parts)
    assert (len(whole), split) == (len(call), 0)
    assert read(whole, split) == (jobs.echo, (1, before))


def test_large_bytes_are_not_copied(calls: Calls) -> None:
    value = b"x" * 1_000_000
    call, _ = calls.write(jobs.echo, (value,))
    assert isinstance(call, Pieces)
    assert any(part is value for part in call.parts)


@pytest.mark.parametrize("error", EVIL)
def test_an_argument_that_raises_when_it_is_pickled_is_refused(error: type[BaseException]) -> None:
    class Evil:
        def __reduce__(self) -> NoReturn:
            raise error("a reason")

    with pytest.raises(TypeError, match=r"cannot send argument 2 of echo, a Evil, to a worker: .*a reason"):
        Calls().write(jobs.echo, (1, Evil()))
