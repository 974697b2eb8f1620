"""Unit: what the drill `live` reads from the events of a page."""

from __future__ import annotations

import math
from typing import cast

import pytest

from trio_lab.drills.open_page import OpenPage
from trio_lab.records.live import LiveView


def page(*moments: float) -> OpenPage:
    return OpenPage(events=[(at, cast(LiveView, at)) for at in moments])


@pytest.mark.parametrize(
    ("moments", "longest"),
    [
        pytest.param((9.5, 10.5, 11.0, 13.0, 14.0), 2.0, id="between two events"),
        pytest.param((9.9, 13.0, 13.5, 14.0), 3.0, id="until the first"),
        pytest.param((10.1, 10.5, 15.0), 3.5, id="after the last"),
        pytest.param((), 4.0, id="none"),
    ],
)
def test_time_without_an_event_counts_from_the_begin_to_the_end(moments: tuple[float, ...], longest: float) -> None:
    assert page(*moments).longest_gap(10.0, 14.0) == pytest.approx(longest)


def test_what_an_event_shows_is_timed_from_a_moment_on() -> None:
    seen = page(9.0, 11.0, 12.0)
    assert seen.shown_after(10.0, lambda view: True) == 1.0
    assert seen.shown_after(10.0, lambda view: cast(float, view) > 11.5) == 2.0
    assert seen.shown_after(10.0, lambda view: False) == math.inf
