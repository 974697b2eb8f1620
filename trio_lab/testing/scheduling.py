"""Trio's order of tasks, made repeatable: the same seed gives the same order in every process.

Trio runs tasks that are runnable together in a random order. It has a switch that makes the order a function of a seed
(pytest-trio uses it under Hypothesis), but not as a public feature. So it is looked for. Where a release of Trio does not have
it there is a warning, and tests run in an order that is not repeated.

The switch does not decide in which order scopes with exactly the same deadline are cancelled.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TypeVar, TypeVarTuple, Unpack

import trio
from trio.testing import MockClock

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_SWITCH, _DRAWS = "_ALLOW_DETERMINISTIC_SCHEDULING", "_r"


def missing() -> str:
    """What this release of Trio lacks for a repeatable order, in words; empty if nothing."""
    try:
        run = import_module("trio._core._run")
    except ImportError:
        return "trio._core._run"
    if not isinstance(getattr(run, _DRAWS, None), random.Random):
        return f"trio._core._run.{_DRAWS}"
    return "" if hasattr(run, _SWITCH) else f"trio._core._run.{_SWITCH}"


@contextmanager
def repeatable_order(seed: int = 0) -> Iterator[None]:
    """Within the block tasks of Trio run in an order that the ``seed`` decides. It can be used within a run or around it."""
    if lacking := missing():
        warnings.warn(
            f"the order of tasks is not repeated: Trio {trio.__version__} has no {lacking}",
            RuntimeWarning,
            stacklevel=3,
        )
        yield
        return
    run = import_module("trio._core._run")
    draws, before = getattr(run, _DRAWS), getattr(run, _SWITCH)
    state = draws.getstate()
    setattr(run, _SWITCH, True)
    draws.seed(seed)
    try:
        yield
    finally:
        setattr(run, _SWITCH, before)
        draws.setstate(state)


def run_in_virtual_time(main: Callable[[Unpack[Ts]], Awaitable[T]], *args: *Ts, seed: int = 0, start: float = 0.0) -> T:
    """`trio.run` with a clock that jumps to the next deadline whenever all tasks wait, and a repeatable order of tasks. The
    clock begins at ``start``. Nothing in the run may wait for the world outside, such as a socket: the clock does not."""
    clock = MockClock(autojump_threshold=0)
    clock.jump(start)
    with repeatable_order(seed):
        return trio.run(main, *args, clock=clock)
