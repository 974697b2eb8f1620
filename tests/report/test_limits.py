"""Limits of a chart: which are drawn, and where their names go."""

from __future__ import annotations

import pytest

from tests.report.from_json import read_chart
from tests.report.test_charts import chart
from trio_lab.records.chart import Chart
from trio_lab.report.limits import above, beside, limits, width_beside
from trio_lab.report.scales import Scale

THOUSAND = Scale(low=0, high=1000, log=False, ticks=())


def with_limits(*rules: tuple[str, float, str]) -> Chart:
    return read_chart(chart(rules=[{"axis": axis, "at": at, "label": label} for axis, at, label in rules]))


@pytest.mark.parametrize(("log", "drawn"), [(False, [-1, 0, 0.5, 5]), (True, [0.5, 5])])
def test_limits_of_an_axis_are_sorted_and_a_logarithm_has_none_from_zero_down(log: bool, drawn: list[float]) -> None:
    made = with_limits(("y", 5, ""), ("y", -1, ""), ("x", 3, ""), ("y", 0, ""), ("y", 0.5, ""))
    assert [rule.at for rule in limits(made, "y", log=log)] == drawn


def test_a_name_stands_at_its_limit_or_just_below_the_name_before() -> None:
    made = with_limits(
        ("y", 500, "middle"), ("y", 1000, "top"), ("y", 990, "close"), ("y", 980, "a name that takes two lines")
    )
    placed = [(rule.axis, rule.at, rule.lines, rule.text_at) for rule in beside(made, THOUSAND, 200.0)]
    assert placed == [
        ("y", 1000, ("top",), 0.0),
        ("y", 990, ("close",), 15.0),
        ("y", 980, ("a name that takes", "two lines"), 37.5),
        ("y", 500, ("middle",), 100.0),
    ]


def test_a_name_above_the_plot_is_centred_and_goes_up_where_it_would_touch_another() -> None:
    made = with_limits(
        ("x", 100, "abcde"),  # it ends at 116.5, so the next may begin after 124.5
        ("x", 141, "fghij"),
        ("x", 142, "klmno"),
        ("x", 142.5, "pqrst"),
        ("x", 200, "uvwxy"),
    )
    placed = [(rule.axis, rule.at, rule.lines, rule.text_at, rule.row) for rule in above(made, THOUSAND, 1000.0)]
    assert placed == [
        ("x", 100, ("abcde",), 83.5, 0),
        ("x", 141, ("fghij",), 124.5, 1),
        ("x", 142, ("klmno",), 125.5, 0),
        ("x", 142.5, ("pqrst",), 126.0, 2),
        ("x", 200, ("uvwxy",), 183.5, 0),
    ]
    assert above(made, None, 1000.0) == []


def test_a_row_of_names_is_full_as_far_as_its_last_name() -> None:
    made = with_limits(
        ("x", 100, "abcde"), ("x", 141, "y" * 50), ("x", 142, "z" * 50), ("x", 200, "fghij"), ("x", 201, "klmno")
    )
    assert [rule.row for rule in above(made, THOUSAND, 1000.0)] == [0, 1, 2, 0, 3]


def test_a_limit_without_a_name_takes_no_room_above_the_plot() -> None:
    made = with_limits(("x", 100, ""), ("x", 101, "abcde"), ("x", 102, ""))
    assert [(rule.lines, rule.row) for rule in above(made, THOUSAND, 1000.0)] == [
        (("",), 0),
        (("abcde",), 0),
        (("",), 0),
    ]


def test_a_limit_that_has_no_place_on_a_logarithm_has_no_name() -> None:
    decades = Scale(low=1, high=1000, log=True, ticks=())
    made = with_limits(("x", 0, "none"), ("y", 0, "none"))
    assert (beside(made, decades, 200.0), above(made, decades, 1000.0)) == ([], [])


def test_a_name_above_the_plot_stays_beside_its_ends_and_is_cut() -> None:
    first, last = above(with_limits(("x", 0, "abcde"), ("x", 1000, "z" * 51)), THOUSAND, 1000.0)
    assert first.text_at == 0.0
    assert (last.text_at, last.lines) == (1000.0 - 50 * 6.6, ("z" * 49 + "…",))


@pytest.mark.parametrize(
    ("label", "signs"), [("", 0), ("short", 5), ("x" * 20, 20), ("twenty-one letters xy", 18), ("x" * 200, 20)]
)
def test_names_beside_the_plot_need_the_room_of_their_longest_line(label: str, signs: int) -> None:
    assert width_beside(with_limits(("y", 1, label), ("x", 1, "not beside the plot"))) == signs * 6.6


@pytest.mark.parametrize(
    ("letters", "lines"), [(0, [""]), (80, ["x" * 20] * 4), (81, [*["x" * 20] * 3, "x" * 19 + "…"])]
)
def test_a_name_beside_the_plot_has_four_lines_at_most(letters: int, lines: list[str]) -> None:
    [placed] = beside(with_limits(("y", 1, "x" * letters)), THOUSAND, 200.0)
    assert list(placed.lines) == lines


def test_without_limits_nothing_is_beside_the_plot() -> None:
    assert width_beside(with_limits()) == 0
    assert beside(with_limits(), THOUSAND, 200.0) == []
