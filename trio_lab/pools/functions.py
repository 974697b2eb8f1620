"""What a pool can run, and an error for everything else that names it and says what to do instead.

A pool runs plain blocking functions. An async function or a generator function returns at once, with no work done, so a
pool would run nothing of it; a coroutine is an async function that was called already. Each is refused before it waits
in the queue. A function that *returns* a generator has run, and its result is the caller's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from types import CoroutineType, FunctionType
from typing import Any, TypeVar, TypeVarTuple, Unpack

from ..errors import JobError
from ..worker.failures import told

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_INSTEAD = "await it in your task, without a pool"
_NOT_PLAIN = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ITERABLE_COROUTINE | inspect.CO_ASYNC_GENERATOR


def check_function(fn: Any, run: str) -> None:
    """Raise a TypeError unless ``fn`` can be called in a pool; ``run`` is the method that the caller gave it to."""
    if type(fn) is FunctionType and not fn.__code__.co_flags & _NOT_PLAIN:
        return  # nearly always
    if not callable(fn):
        raise TypeError(_not_callable(fn, run))
    name, called = name_of(fn), (_unwrapped(fn), type(fn).__call__)
    if any(map(inspect.iscoroutinefunction, called)) or any(map(inspect.isasyncgenfunction, called)):
        raise TypeError(f"{run} runs blocking functions, and {name} is async: {_INSTEAD}")
    if any(map(inspect.isgeneratorfunction, called)):
        raise TypeError(
            f"{run} would run nothing of {name}, a generator function: give it one that returns list({name}(...))"
        )


def check_result(result: Any, fn: Any, run: str) -> None:
    """Raise a TypeError if what ``fn`` returned is a coroutine, which is work not done."""
    if type(result) is CoroutineType:
        result.close()  # or Python warns that it was never awaited
        raise TypeError(f"{run} runs blocking functions, and {name_of(fn)} returned a coroutine: {_INSTEAD}")


def call(fn: Callable[[Unpack[Ts]], T], args: tuple[*Ts]) -> T:
    """Call a function in a thread of a pool. An exception that would end the caller's program, or that a coroutine cannot
    raise, becomes a `JobError`."""
    try:
        return fn(*args)
    except (SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration) as error:
        raise JobError(told(error)) from error


def name_of(fn: Any) -> str:
    """The name under which the caller knows a callable."""
    inner = _unwrapped(fn)
    return getattr(inner, "__qualname__", None) or type(inner).__qualname__


def _unwrapped(fn: Any) -> Any:
    while isinstance(fn, partial):
        fn = fn.func
    return fn


def _not_callable(fn: Any, run: str) -> str:
    if not inspect.iscoroutine(fn):
        return (
            f"{run} needs a function and its arguments, run(fn, 1, 2), and got {fn!r}: was the function called already?"
        )
    fn.close()  # or Python warns that it was never awaited
    return f"{run} runs blocking functions, and {fn.__qualname__}(...) is a coroutine: {_INSTEAD}"
