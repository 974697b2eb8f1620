"""Unit: how drills 11 to 15 count what became of requests and of the server."""

from __future__ import annotations

from typing import Any

import pytest

from trio_lab.drills.cases import graceful_stop, slow_body, slowloris, unread_replies
from trio_lab.drills.cases.graceful_stop import Asked, Stop
from trio_lab.drills.ending import Ending
from trio_lab.records.figures import measured


def ending(**values: Any) -> Ending:
    usual = {"signalled": 100.0, "ended": 101.5, "code": 0, "workers_left": 0, "port_free": True}
    return Ending(**(usual | values))


ANSWERED, CUT_OFF = Asked(99.0, 99.9, 200), Asked(99.0, 99.9, 0)
LATE = Asked(100.04, 100.05, 0)
AFTER_TWO = Stop(ending=ending(ended=101.0), second=100.3)


@pytest.mark.parametrize(
    ("stops", "expected"),
    [
        ([Stop(ending=ending(), asked=(ANSWERED, LATE))], {"accepted": 1, "unanswered": 0, "late": 1}),
        ([Stop(ending=ending(), asked=(ANSWERED, CUT_OFF))], {"accepted": 2, "unanswered": 1, "late": 0}),
        ([Stop(ending=ending(), asked=(Asked(99.0, 99.9, 503),))], {"unanswered": 1}),
        ([Stop(ending=ending(), asked=(LATE, ANSWERED))], {"last_connect_s": pytest.approx(0.04)}),
        (
            [Stop(ending=ending()), AFTER_TWO],
            {"exit_max_s": 1.5, "exit_after_second_s": pytest.approx(0.7), "stops": 2},
        ),
        ([AFTER_TWO], {"exit_max_s": None, "unanswered": 0}),
        ([Stop(ending=ending())], {"exit_after_second_s": None, "exit_code_not_0": 0, "port_taken": 0}),
        ([Stop(ending=ending(code=None, workers_left=2))], {"exit_code_not_0": 1, "workers_left": 2}),
        ([Stop(ending=ending(code=1, port_free=False)), AFTER_TWO], {"exit_code_not_0": 1, "port_taken": 1}),
    ],
)
def test_what_a_stop_cut_off_is_what_was_sent_before_it(stops: list[Stop], expected: dict[str, Any]) -> None:
    found = measured(graceful_stop._FIGURES, stops)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(("took", "code", "past"), [(2.5, 0, 1.5), (0.4, 0, -0.6), (5.0, None, 4.0)])
def test_an_end_counts_from_the_end_of_the_grace_period(took: float, code: int | None, past: float) -> None:
    end = ending(ended=100.0 + took, code=code)
    stuck = unread_replies._Found(stuck=50, health=0.01, rss_rise=3_000_000, end=end, log=b"one\ntwo\n")
    found = measured(unread_replies._FIGURES, stuck)
    assert found["exit_past_grace_s"] == pytest.approx(past)
    assert (found["exit_code_not_0"], found["log_lines"], found["rss_rise_mb"]) == (code != 0, 2, 3)


def test_a_body_is_late_or_told_something_else() -> None:
    found = slow_body._Found(told=[(408, 10.1), (408, 12.0), (0, 13.0), (500, 10.0)], refused=[413, 0, 413, 200])
    found.rise = 4 * 64 * 1024
    figures = measured(slow_body._FIGURES, found)
    assert (figures["told_max_s"], figures["not_408"], figures["not_413_in_time"]) == (13.0, 2, 2)
    assert (figures["slow_bodies"], figures["kb_each"]) == (4, 64)


def test_a_connection_that_stays_open_until_it_is_given_up_was_not_closed() -> None:
    lives = [5.0, 5.9, slowloris._GIVEN_UP + 0.01]
    kept = {name: slowloris._FIGURES[name] for name in ("closed_max_s", "not_closed", "connections")}
    found: Any = slowloris._Found(capacity=1.0, lives=lives, loaded=None)  # type: ignore[arg-type]  # not read by these
    assert measured(kept, found) == {"closed_max_s": lives[-1], "not_closed": 1, "connections": 3}
