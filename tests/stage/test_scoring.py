"""Unit: what was told, held against what was done, by table; and marks that name their lines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from trio_lab.loop.stalls import Stall
from trio_lab.stage.scoring import false_alarms, scored
from trio_lab.subjects import planted
from trio_lab.subjects.planted import CAUSES, LINES, Block, marked

FILE, TRUTH = "app.py", {"sleep": {7}, "loop": {9, 10}}
SLEPT = Block("sleep", 1.0, 1.1)


def told(began: float = 1.0, duration: float = 0.1, *, lineno: int = 7, cause: str = "python") -> Stall:
    return Stall(
        began=began, duration=duration, lineno=lineno, cause=cause, filename=FILE, function="f", task_name="", samples=1
    )


@pytest.mark.parametrize(
    ("stalls", "recall", "duration", "line", "false"),
    [
        ([told()], 100, 100, 100, 0),
        ([told(duration=0.104)], 100, 100, 100, 0),  # within 5 %
        ([told(duration=0.106)], 100, 0, 100, 0),
        ([told(lineno=8)], 100, 100, 0, 0),
        (
            [told(began=1.06)],
            0,
            0,
            0,
            0,
        ),  # shares less than half of the block's time: another matter, but no false alarm
        ([told(began=2.0)], 0, 0, 0, 1),
        ([told(), told(began=2.0, cause="not running")], 100, 100, 100, 0),
        ([], 0, 0, 0, 0),
    ],
)
def test_a_block_is_told_or_not(stalls: list[Stall], recall: int, duration: int, line: int, false: int) -> None:
    found = scored([SLEPT], stalls, FILE, TRUTH, CAUSES)
    assert found.recall_percent == recall
    assert found.duration_right_percent == duration
    assert found.line_right_percent == line
    assert found.false_alarms == false


def test_the_cause_and_the_steps_of_the_offender_are_scored() -> None:
    by_steps = replace(told(duration=0.2, cause="blocking call"), top=(("sleeper", 0.101), ("others", 0.099)))
    found = scored([SLEPT], [by_steps], FILE, TRUTH, CAUSES)
    assert (found.cause_right_percent, found.duration_right_percent, found.pass_right_percent) == (100, 100, 0)
    assert scored([SLEPT], [told()], FILE, TRUTH, CAUSES).cause_right_percent == 0
    assert CAUSES.keys() == LINES.keys()


def test_short_blocks_need_not_be_told_and_are_no_false_alarms() -> None:
    short = Block("sleep", 1.0, 1.01)
    assert scored([short], [], FILE, TRUTH, CAUSES).recall_percent is None
    assert false_alarms([told(duration=0.012)], [short]) == []


def test_marks_name_their_lines(tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_text("a\nb  # blocks: one\nc\nd  # blocks: two\ne  # blocks: one\n")
    assert marked(source) == {"one": {2, 5}, "two": {4}}


def test_every_kind_of_block_has_its_lines() -> None:
    text = Path(planted.__file__).read_text().splitlines()
    assert len(LINES) == 8
    assert all(f"# blocks: {kind}" in text[number - 1] for kind, lines in LINES.items() for number in lines)
