"""Tables of an experiment: shown as they are, and held to their shape."""

from __future__ import annotations

from typing import Any

import pytest

from tests.report.from_json import render
from trio_lab.errors import UsageError
from trio_lab.experiments import charts
from trio_lab.records.codec import to_plain

SMUGGLED = "\"'><script>alert(1)</script>`<b>`"


def with_table(results: dict[str, Any], **changed: Any) -> dict[str, Any]:
    table = charts.table(
        "Two questions", ("again and again", "beats"), [("`sleep(0)`", 24), ("none", None)], note="In one process."
    )
    results["experiments"][0]["evidence"]["tables"] = [to_plain(table) | changed]
    return results


def test_a_table_is_shown_with_its_title_and_note(light: dict[str, Any]) -> None:
    page = render(with_table(light))
    assert "<h3>Two questions</h3>" in page
    assert '<td data-label="again and again"><code>sleep(0)</code></td><td data-label="beats">24</td>' in page
    assert '<td data-label="beats">not measured</td>' in page
    assert "In one process." in page


def test_a_wide_table_scrolls_in_a_box_that_has_a_name_and_that_keys_reach(light: dict[str, Any]) -> None:
    assert '<div class="words" tabindex="0" role="group" aria-label="Two questions"><table' in render(with_table(light))


def test_without_tables_there_is_none(light: dict[str, Any]) -> None:
    light["experiments"][0]["evidence"]["tables"] = []
    with_none = render(light)
    del light["experiments"][0]["evidence"]["tables"]
    assert render(light) == with_none


def test_no_cell_becomes_markup(light: dict[str, Any]) -> None:
    page = render(with_table(light, title=SMUGGLED, columns=[SMUGGLED, "b"], rows=[[SMUGGLED, 1]], note=SMUGGLED))
    assert page.count("<script") == 1  # the page's own
    assert "<b>`" not in page
    # Title, name of the box, head, label of the cell, cell, note.
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 6


@pytest.mark.parametrize("rows", [[["one"]], [["one", 2, 3]], [["one", [2]]], "rows", [3]])
def test_rows_that_do_not_fit_are_refused(light: dict[str, Any], rows: Any) -> None:
    with pytest.raises(UsageError, match=r"tables\[0\]"):
        render(with_table(light, rows=rows))
