"""Unit: the report of drills says what passed, what the control broke, and shows tables; text from outside is escaped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from trio_lab.cli.drill import _exit_code, _tell
from trio_lab.cli.tables import plain_table
from trio_lab.errors import UsageError
from trio_lab.records.chart import Table
from trio_lab.records.codec import from_plain
from trio_lab.records.drill import ControlResult, DrillResult, DrillResults
from trio_lab.records.figures import Check
from trio_lab.report.drills import render_drills, save_drills

TABLE = Table(title="What was <said>", columns=("planted", "right", "wrong"), rows=(("few-threads", 9.0, None),))
RESULT = DrillResult(
    name="doctor-exam",
    number=25,
    question="Does it find the first one?",
    passed=True,
    figures={"right": 97.0},
    checks=(Check(claim="right <b>", figure="right", measured=97.0, unit="%", relation=">=", bound=95, passed=True),),
    control=ControlResult(twin="a naive doctor", failed=True, broke=("right",), figures={"right": 40.0}, error=None),
    duration=61.0,
    error=None,
    tables=(TABLE,),
)


def results(*drills: DrillResult) -> DrillResults:
    return DrillResults(drills=drills, gate=False, dose=0.5)


def test_a_report_has_checks_control_and_tables() -> None:
    page = render_drills(results(RESULT))
    assert "<h1>1 of 1 drills passed</h1>" in page
    assert "Control (a naive doctor): it broke “right”." in page
    for shown in ("What was &lt;said&gt;", "few-threads", "right &lt;b&gt;", "97 %", "Full doses × 0.5."):
        assert shown in page
    assert "<b>right" not in page


def test_a_report_says_what_failed_and_why() -> None:
    control = replace(RESULT.control, broke=(), failed=False, error="RuntimeError: no twin")
    page = render_drills(results(replace(RESULT, passed=False, control=control, tables=None)))
    assert "0 of 1 drills passed" in page
    assert "it broke nothing" in page
    assert "The control could not be run: RuntimeError: no twin." in page


def test_both_files_are_written(tmp_path: Path) -> None:
    page = save_drills(results(RESULT), tmp_path)
    assert page.read_text() == render_drills(results(RESULT))
    written = msgspec.json.decode((tmp_path / "drills.json").read_bytes())
    assert from_plain(DrillResults, written) == results(RESULT)


def test_many_columns_have_numbers_for_heads() -> None:
    few = plain_table(TABLE)
    assert ([str(column.header) for column in few.columns], few.caption) == (["planted", "right", "wrong"], None)
    names = tuple(f"finding {number}" for number in range(9))
    many = plain_table(Table(title="", columns=("planted", *names), rows=()))
    assert [str(column.header) for column in many.columns] == ["planted", *map(str, range(1, 10))]
    assert "9 finding 8" in str(many.caption)


UNDECIDED = replace(RESULT, passed=False, undecided="others had the machine")
FAILED = replace(RESULT, passed=False)


@pytest.mark.parametrize(
    ("drills", "code"),
    [((RESULT, RESULT), 0), ((RESULT, FAILED, UNDECIDED), 1), ((RESULT, UNDECIDED), 2)],
    ids=["passed", "failed", "undecided"],
)
def test_the_exit_code_tells_a_failure_from_a_busy_machine(drills: tuple[DrillResult, ...], code: int) -> None:
    assert _exit_code(results(*drills)) == code


def test_an_undecided_drill_says_what_disturbed_it() -> None:
    page = render_drills(results(UNDECIDED))
    assert "Nothing can be told: others had the machine." in page
    assert "undecided" in page
    assert "it broke" not in page


@pytest.mark.parametrize("json_", [False, True])
def test_what_was_found_is_told_although_the_report_cannot_be_written(
    json_: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "drills.json").mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        _tell(results(RESULT), tmp_path, json_=json_)
    assert RESULT.name in capsys.readouterr().out
