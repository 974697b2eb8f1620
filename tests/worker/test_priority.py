"""Unit: a thread is nicer for one call, where it can have its own priority back. The kernel's answers are planted."""

from __future__ import annotations

import os
import threading

import pytest

from trio_lab.worker import priority


@pytest.fixture
def nice(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The nice values that this thread has had, the present one last."""
    values = [3]

    def get(which: int, thread: int) -> int:
        assert (which, thread) == (os.PRIO_PROCESS, threading.get_native_id())
        return values[-1]

    def change(which: int, thread: int, value: int) -> None:
        assert (which, thread) == (os.PRIO_PROCESS, threading.get_native_id())
        values.append(value)

    monkeypatch.setattr(os, "getpriority", get)
    monkeypatch.setattr(os, "setpriority", change)
    monkeypatch.setattr(priority, "_can_be_restored", lambda: True)
    return values


def test_a_call_runs_at_a_nicer_priority_and_gives_it_back(nice: list[int]) -> None:
    assert priority.run_nicely(lambda: nice[-1], ()) == 13
    assert nice == [3, 13, 3]


def test_it_is_given_back_after_a_failure(nice: list[int]) -> None:
    with pytest.raises(ZeroDivisionError):
        priority.run_nicely(divmod, (1, 0))
    assert nice == [3, 13, 3]


def test_nothing_is_nicer_than_the_nicest(nice: list[int]) -> None:
    nice[:] = [15]
    priority.run_nicely(len, ("",))
    assert nice == [15, 19, 15]


def test_a_thread_that_could_not_have_its_own_back_is_left_as_it_is(
    nice: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(priority, "_can_be_restored", lambda: False)
    assert priority.run_nicely(divmod, (7, 2)) == (3, 1)
    assert nice == [3]


@pytest.mark.parametrize("privileged", [True, False])
def test_whether_it_can_have_it_back_is_tried(monkeypatch: pytest.MonkeyPatch, privileged: bool) -> None:
    values = {}

    def change(which: int, thread: int, value: int) -> None:
        if value < values.get(thread, 0) and not privileged:
            raise PermissionError
        values[thread] = value

    monkeypatch.setattr(os, "getpriority", lambda which, thread: values.get(thread, 0))
    monkeypatch.setattr(os, "setpriority", change)
    assert priority._can_be_restored.__wrapped__() is privileged
    assert values
    assert threading.get_native_id() not in values
