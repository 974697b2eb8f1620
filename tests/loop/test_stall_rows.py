"""Unit: the stalls of a watch as the rows of its table."""

from __future__ import annotations

from typing import Any

import pytest

from trio_lab.loop.stall_rows import StallRows
from trio_lab.loop.stalls import PYTHON, Stall, StallGroup, StallTable


class Watched:
    """A watch whose table has room for two lines."""

    def __init__(self) -> None:
        self._table = StallTable(kept=5, most=2)

    def add(self, filename: str, task: str) -> None:
        self._table.add(Stall(duration=0.1, cause=PYTHON, filename=filename, lineno=1, function="f", task_name=task))

    @property
    def count(self) -> int:
        return self._table.count

    def stalls(self) -> list[Stall]:
        return list(self._table.last)

    def table(self) -> list[StallGroup]:
        return self._table.rows()


@pytest.fixture
def watch() -> Any:
    return Watched()


def test_each_stall_is_new_once_and_a_row_has_the_task_of_its_last_one(watch: Any) -> None:
    rows = StallRows(watch)
    watch.add("a.py", "first")
    watch.add("a.py", "second")
    assert [stall.task_name for stall in rows.new()] == ["first", "second"]
    assert rows.new() == []
    assert [(row.count, row.task) for row in rows.table()] == [(2, "second")]


def test_lines_without_a_row_of_their_own_are_not_kept(watch: Any) -> None:
    rows = StallRows(watch)
    for number in range(10):
        watch.add(f"<cell {number}>", f"task {number}")
        assert len(rows.new()) == 1
    assert {(row.filename, row.count, row.task) for row in rows.table()} == {
        ("<cell 0>", 1, "task 0"),
        ("<cell 1>", 1, "task 1"),
        ("", 8, None),
    }
    assert len(rows._last) == 2


def test_of_very_many_new_ones_the_last_that_were_kept_are_told(watch: Any) -> None:
    rows = StallRows(watch)
    for number in range(8):
        watch.add("a.py", str(number))
    assert [stall.task_name for stall in rows.new()] == ["3", "4", "5", "6", "7"]
