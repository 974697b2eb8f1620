"""Unit: what a pool can run, and that everything else is refused by an error that names it and says what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest

from trio_lab.pools.functions import check_function, check_result, name_of


class Client:
    def fetch(self) -> int:
        return 1

    async def fetch_soon(self) -> int:
        return 1

    def rows(self) -> Iterator[int]:
        yield 1


class AsyncCall:
    async def __call__(self) -> None: ...


async def work(n: int = 0) -> int:
    return n


async def arrivals() -> AsyncIterator[int]:
    yield 1


def rows(n: int = 0) -> Iterator[int]:
    yield n


@pytest.mark.parametrize("fn", [len, Client().fetch, Client, partial(divmod, 7), lambda: 1, print], ids=name_of)
def test_a_plain_function_passes(fn: Any) -> None:
    check_function(fn, "Pool.run")


@pytest.mark.parametrize(
    ("fn", "says"),
    [
        (work, "work is async: await it in your task"),
        (arrivals, "arrivals is async"),
        (partial(work, 1), "work is async"),
        (Client().fetch_soon, "Client.fetch_soon is async"),
        (AsyncCall(), "AsyncCall is async"),
        (rows, r"nothing of rows, a generator function: give it one that returns list\(rows\("),
        (partial(rows, 1), "nothing of rows"),
        (Client().rows, "nothing of Client.rows"),
        (rows(), "got <generator object rows .*: was the function called already?"),
        (3, r"needs a function and its arguments, run\(fn, 1, 2\), and got 3"),
    ],
)
def test_what_is_no_plain_function_is_named(fn: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says) as error:
        check_function(fn, "Pool.run")
    assert str(error.value).startswith("Pool.run ")


def test_a_coroutine_is_refused_and_closed() -> None:
    with pytest.raises(TypeError, match=r"work\(\.\.\.\) is a coroutine: await it in your task"):
        check_function(work(), "Pool.run")  # Python would warn of a coroutine that was never awaited


def test_a_function_that_returns_a_coroutine_did_no_work() -> None:
    def begin() -> Any:
        return work()

    with pytest.raises(TypeError, match="begin returned a coroutine"):
        check_result(begin(), begin, "Pool.run")
    check_result([1], len, "Pool.run")
    check_result(rows(), rows, "Pool.run")  # the caller's to use: threads share memory
