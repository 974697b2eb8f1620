"""Unit: calls outwards are counted, however they end and however they are nested."""

from __future__ import annotations

import time
from contextvars import copy_context

import pytest
import trio

import trio_lab
from trio_lab.measure.announced import announced
from trio_lab.measure.latest import Latest


async def test_calls_under_way_are_in_service() -> None:
    db = trio_lab.outward("one")
    async with trio.open_nursery() as nursery:
        over = trio.Event()

        async def call() -> None:
            async with trio_lab.outward("one"):
                await over.wait()

        for _ in range(3):
            nursery.start_soon(call)
        await trio.testing.wait_all_tasks_blocked()
        assert (db.statistics().in_service, db.statistics().waiting) == (3, 0)
        over.set()
    found = db.statistics()
    assert (found.name, found.in_service, found.completions, found.capacity) == ("outward.one", 0, 3, None)
    assert found.service is not None
    assert found.service.count == 3


def test_a_call_that_fails_has_ended() -> None:
    with pytest.raises(ZeroDivisionError), trio_lab.outward("two"):
        _ = 1 / 0
    assert trio_lab.outward("two").statistics().completions == 1


def test_calls_within_calls() -> None:
    with trio_lab.outward("three"):
        with trio_lab.outward("four"), trio_lab.outward("three"):
            assert trio_lab.outward("three").statistics().in_service == 2
        assert trio_lab.outward("three").statistics().in_service == 1
    assert trio_lab.outward("three").statistics().in_service == 0


def test_a_call_that_ends_in_another_context_has_ended_and_its_time_is_not_known() -> None:
    """As that of a dependency that is a plain generator: FastAPI runs its two halves in a copy of the context each."""
    call, around = trio_lab.outward("six"), trio_lab.outward("seven")
    for _ in range(2):
        copy_context().run(call.__enter__)
    assert call.statistics().in_service == 2
    copy_context().run(call.__exit__, None, None, None)
    with around:
        call.__exit__(None, None, None)
    found = call.statistics()
    assert (found.in_service, found.completions, found.service and found.service.count) == (0, 2, 0)
    assert (around.statistics().completions, around.statistics().in_service) == (1, 0)


def test_calls_that_overlap_have_each_its_own_time() -> None:
    first, second = trio_lab.outward("eight"), trio_lab.outward("nine")
    first.__enter__()
    time.sleep(0.01)
    with second:
        first.__exit__(None, None, None)
    service = first.statistics().service
    assert service is not None
    assert service.max >= 0.01


def test_it_is_found_from_outside_and_has_a_name() -> None:
    assert trio_lab.outward("five") in announced()
    with pytest.raises(ValueError, match="outward\\('db'\\)"):
        trio_lab.outward("")


def test_a_figure_is_read_again_when_it_is_old() -> None:
    now, looks = [0.0], iter(range(10))
    latest = Latest(lambda: next(looks), period=1.0, clock=lambda: now[0])
    found = []
    for at in (0.0, 0.5, 0.99, 1.0, 5.0):
        now[0] = at
        found.append(latest.read())
    assert found == [0, 0, 0, 1, 2]
