"""What goes on in a service, by what can be seen of it from beside."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trio_lab.live.judging import Seen, System, judge
from trio_lab.loop.code_line import CodeLine
from trio_lab.records.live import Stuck

_PLACE = CodeLine("app.py", 7, "handle")
_STUCK = Stuck(lasted=1.4, cause="python", filename="app.py", lineno=3, function="f", task="t", label="GET /")
_NO_CPU = Stuck(lasted=1.5, cause="not running")
_BEATS = Seen(blocked_after=1.0, silent=0.02, overdue=-0.01, pass_age=None)
_RUNS = System(state="S", loop_state="S", seconds=1.9, loop_cpu=0.0, other_cpu=0.0)
_SILENT = Seen(blocked_after=1.0, silent=2.5, overdue=2.4, pass_age=None, system=_RUNS)


@pytest.mark.parametrize(
    ("seen", "state", "cause", "where", "held_up_by"),
    [
        (_BEATS, "passing", None, None, None),
        (replace(_BEATS, pass_age=0.9, stuck=_STUCK), "passing", None, None, None),
        (replace(_BEATS, pass_age=1.5, stuck=_STUCK), "blocked", "python", "app.py:3 in f", "loop"),
        (replace(_BEATS, pass_age=1.5), "blocked", None, None, "loop"),
        (replace(_BEATS, pass_age=1.5, stuck=_NO_CPU), "blocked", "not running", None, "process"),
        (replace(_SILENT, system=replace(_RUNS, state="T")), "stopped", "not running", None, "process"),
        (replace(_SILENT, system=replace(_RUNS, state="t")), "stopped", "not running", None, "process"),
        (
            replace(_SILENT, system=replace(_RUNS, loop_state="R", loop_cpu=0.97, place=_PLACE)),
            *("blocked", "c call", "app.py:7 in handle", "loop"),
        ),
        (replace(_SILENT, system=replace(_RUNS, loop_state="R", loop_cpu=0.97)), "blocked", "c call", None, "loop"),
        (replace(_SILENT, system=replace(_RUNS, loop_state="R", loop_cpu=0.3)), "blocked", "c call", None, "loop"),
        (replace(_SILENT, system=replace(_RUNS, other_cpu=0.97)), "blocked", "gil", None, "loop"),
        (replace(_SILENT, system=replace(_RUNS, other_cpu=0.97, place=_PLACE)), "blocked", "gil", None, "loop"),
        (replace(_SILENT, system=replace(_RUNS, loop_state="R")), "blocked", "not running", None, "process"),
        (_SILENT, "blocked", "not running", None, "process"),
        (replace(_SILENT, system=replace(_RUNS, place=_PLACE)), "blocked", "c call", "app.py:7 in handle", "loop"),
        (replace(_SILENT, system=replace(_RUNS, seconds=0.9)), "blocked", None, None, "loop"),
        (replace(_SILENT, system=replace(_RUNS, seconds=0.9, place=_PLACE)), "blocked", "c call", "app.py:7 in handle", "loop"),
        (replace(_SILENT, silent=0.7, overdue=0.6), "passing", None, None, None),
        (replace(_SILENT, silent=0.7, system=replace(_RUNS, state="T")), "stopped", "not running", None, "process"),
    ],
)  # fmt: skip
def test_state(seen: Seen, state: str, cause: str | None, where: str | None, held_up_by: str | None) -> None:
    found = judge(seen)
    assert (found.state, found.cause, found.where, found.held_up_by) == (state, cause, where, held_up_by)
    assert found.status == (200 if state == "passing" else 503)


def test_a_stuck_pass_tells_its_task_and_label() -> None:
    found = judge(replace(_BEATS, pass_age=1.5, stuck=_STUCK))
    assert (found.for_, found.task, found.label) == (1.5, "t", "GET /")


def test_a_pass_that_was_long_already_counts_from_its_begin() -> None:
    assert judge(replace(_SILENT, pass_age=4.0)).for_ == 4.0
    assert judge(_SILENT).for_ == 2.5
