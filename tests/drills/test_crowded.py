"""Unit: what the drills of overload read from a load and from the server beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from tests.records.loads import RESULT
from trio_lab.drills import crowded
from trio_lab.drills.cases.overload import _Found as Staged
from trio_lab.drills.cases.overload_step import _Found as Stepped
from trio_lab.drills.crowded import Watched
from trio_lab.drills.model import Disturbed
from trio_lab.records.conditions import Conditions, Disturbance
from trio_lab.records.load import LoadResult, Row

SECOND = 10  # rows


def row(number: int, ok: int, left: int = 0) -> Row:
    return Row(start=number / SECOND, ok=ok, shed=0, timed_out=left, errors=0, p50=None, max=None)


def load(oks: Sequence[int], *, left: int = 0, samples: Sequence[tuple[float, float]] = ()) -> LoadResult:
    """Of rows of a tenth of a second; ``samples`` are (begin, latency)."""
    rows = tuple(row(number, ok, left) for number, ok in enumerate(oks))
    ended = tuple((begun + latency, latency) for begun, latency in samples)
    return replace(RESULT, series=rows, duration=len(oks) / SECOND, samples=ended)


@pytest.mark.parametrize(
    ("oks", "back"),
    [
        pytest.param([5] * 20 + [10] * 60, 0.0, id="at once"),
        pytest.param([5] * 20 + [0] * 10 + [10] * 50, 0.5, id="a second of nothing"),
        pytest.param([5] * 20 + [10] * 10 + [0] * 50, math.inf, id="collapses"),
        pytest.param([5] * 20 + [10] * 20 + [6] * 40, math.inf, id="loses a third"),
    ],
)
def test_answers_are_in_time_again_from_a_moment_on_to_the_end(oks: list[int], back: float) -> None:
    assert Stepped(capacity=100.0, load=load(oks)).back_after() == pytest.approx(back, abs=1e-6)


@pytest.mark.parametrize(
    ("goodput", "left_over"),
    [
        pytest.param(140, 0.0, id="no overload"),
        pytest.param(100, 3.2, id="served"),
        pytest.param(0, math.inf, id="none"),
    ],
)
def test_what_is_left_over_says_whether_the_load_was_an_overload(goodput: int, left_over: float) -> None:
    oks = [5] * 20 + [goodput // SECOND] * 80
    assert Stepped(capacity=100.0, load=load(oks)).left_over() == pytest.approx(left_over)


class Busy:
    """A server whose every reply takes a tenth of a second, on a machine that others use."""

    size, url = 2, ""

    async def fetch(self, path: str) -> None:
        await trio.sleep(0.1)


class Capacity:
    """A stage that measures these replies per second, in turn."""

    def __init__(self, *found: int) -> None:
        self._found = iter(found)

    def seconds(self, full: float, *, quick: float) -> float:
        return full

    async def load(self, url: str, **options: Any) -> LoadResult:
        return load([next(self._found) // SECOND] * 20)


def possible(monkeypatch: pytest.MonkeyPatch, disturbance: Disturbance) -> None:
    """Twenty replies per second."""
    monkeypatch.setattr(crowded, "usable_cores", lambda: 4)
    monkeypatch.setattr(
        crowded, "Watch", lambda: SimpleNamespace(conditions=lambda: Conditions(disturbance=disturbance, others=0.2))
    )


@pytest.mark.parametrize(
    ("disturbance", "found", "decides"),
    [("none", 9, True), ("some", 20, True), ("some", 9, False), ("much", 20, False)],
)
async def test_a_capacity_beside_other_programs_decides_nothing(
    disturbance: Disturbance,
    found: int,
    decides: bool,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Alone, a low one is the server's own fault."""
    possible(monkeypatch, disturbance)
    measure: Any = crowded.able
    if decides:
        assert await measure(Capacity(found), Busy(), "/hash") == found // SECOND * SECOND
    else:
        with pytest.raises(
            Disturbed, match="where 20 would have been possible; other programs used 20% of the machine"
        ):
            await measure(Capacity(found), Busy(), "/hash")


async def test_a_capacity_that_has_changed_decides_nothing(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    possible(monkeypatch, "none")
    measure: Any = crowded.able_now
    assert await measure(Capacity(100), Busy(), "/hash", 140.0) == 120.0
    for before in (60.0, 160.0):
        with pytest.raises(Disturbed, match="100 after it"):
            await measure(Capacity(100), Busy(), "/hash", before)


def staged(oks: Sequence[int], *, left: int = 0, samples: Sequence[tuple[float, float]] = ()) -> Staged:
    return Staged(
        capacity=100.0, length=4.0, memory=0, load=load(oks, left=left, samples=samples), seen=Watched(looks=1)
    )


def test_what_is_lost_counts_from_two_seconds_after_the_step_down() -> None:
    calm = [5] * 20
    assert staged([0] * 100 + calm).lost() == 0.0
    assert staged([0] * 100 + calm, left=5).lost() == pytest.approx(0.5)
    assert staged([0] * 100).lost() == 1.0  # nothing ended: that is not calm


def test_latencies_count_from_a_second_after_the_step_down() -> None:
    found = staged([5] * 120, samples=[(8.5, 0.9), (9.5, 0.2), (10.0, 1.1)])
    assert found.calm() == pytest.approx([0.2, 1.1])


@pytest.mark.parametrize(
    ("seen", "over"),
    [
        (Watched(looks=3, most_waiting=200, bound=200), 0),
        (Watched(looks=3, most_waiting=7, bound=200), 0),
        (Watched(looks=3, most_waiting=201, bound=200), 1),
        (Watched(looks=3, most_waiting=50, bound=None), 50),
        (Watched(), None),
    ],
)
def test_a_queue_without_a_bound_is_over_it(seen: Watched, over: int | None) -> None:
    assert seen.over_bound() == over
