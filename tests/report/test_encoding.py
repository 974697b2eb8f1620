"""What a chart draws: where its marks are, and how they look."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest

from tests.report.from_json import draw, read_chart
from tests.report.test_charts import chart, parts
from trio_lab.report.layout import HEIGHT, plan

BLUE, ORANGE = "var(--c-good-1)", "var(--c-bad-1)"


def shapes(drawn: str) -> list[tuple[str, float, float]]:
    """The colour and the place of every point, in percent from the left and from the top."""
    nested = [one for one in plot(drawn).iter("svg") if one.attrib.get("width") == "1"]
    return [(one[0].attrib["fill"], *(float(one.attrib[name].removesuffix("%")) for name in "xy")) for one in nested]


def plot(drawn: str) -> Element:
    return parts(drawn, "plot")[0][0]


def lines(drawn: str) -> list[Element]:
    return [one for one in plot(drawn).iter("path") if one.attrib.get("class") == "line"]


def rules(drawn: str, end: str) -> list[str]:
    return [one.attrib[end] for one in parts(drawn, "rule") if one.attrib[end] == one.attrib[f"{end[0]}2"]]


@pytest.mark.parametrize("log", [True, False])
def test_a_value_is_drawn_at_its_place_on_the_axes_and_so_are_the_ticks(log: bool) -> None:
    axis = {"title": "t", "log": log, "categories": False}
    points = ((2, 30), (3, 400), (5, 7000))
    drawn, made = (
        draw(chart("point", *points, x=axis, y=axis)),
        plan(read_chart(chart("point", *points, x=axis, y=axis))),
    )
    assert made.x is not None
    expected = [(100 * made.x.fraction(x), 100 * (1 - made.y.fraction(y))) for x, y in points]
    for colour in (BLUE, ORANGE):
        found = [place[1:] for place in shapes(drawn) if place[0] == colour]
        assert found == [pytest.approx(place, abs=0.01) for place in expected]
    tops = [float(one.attrib["style"].removeprefix("top:").removesuffix("%")) for one in parts(drawn, "y")]
    assert tops == pytest.approx([100 * (1 - made.y.fraction(tick)) for tick in made.y_ticks], abs=0.01)


def test_categories_have_cells_of_one_width() -> None:
    drawn = draw(chart("bar", (2, 30), (3, 400), (5, 7000)))
    assert [one.text for one in parts(drawn, "categories")[0]] == ["2", "3", "5"]
    middles = [float(one.attrib["data-x"].removesuffix("%")) for one in parts(drawn, "at")]
    assert middles == pytest.approx([100 / 6, 50, 500 / 6], abs=0.01)


@pytest.mark.parametrize(("kind", "path"), [("line", "M0 1000L500 500L1000 0"), ("step", "M0 1000H500V500H1000V0")])
def test_a_step_holds_its_value_until_the_next(kind: str, path: str) -> None:
    drawn = lines(draw(chart(kind, (0, 0), (1, 1), (2, 2))))
    assert [one.attrib["d"].replace(".0", "") for one in drawn] == [path, path]


def test_a_gap_parts_a_line_and_a_value_alone_between_gaps_is_a_point() -> None:
    points = ((0, 0), (1, 1), (2, None), (3, 2), (4, None), (5, 3), (6, 4))
    drawn = draw(chart("step", *points))
    assert [re.sub(r"[^MHV]", "", one.attrib["d"]) for one in lines(drawn)] == ["MHVMHV", "MHVMHV"]
    assert [place[:2] for place in shapes(drawn)] == [(ORANGE, 50), (BLUE, 50)]


@pytest.mark.parametrize(("kind", "marked"), [("line", 6), ("point", 6), ("bar", 6), ("step", 2)])
def test_each_series_has_the_colour_of_its_role(kind: str, marked: int) -> None:
    image = plot(draw(chart(kind)))
    used = [one.attrib.get("fill") or one.attrib.get("stroke") for one in image.iter() if one.tag in ("path", "rect")]
    assert used.count(ORANGE) == used.count(BLUE) == marked // 2 + (kind == "line")


def test_each_series_has_its_own_dashes_and_shapes() -> None:
    drawn = draw(chart("line"))
    assert [(one.attrib["stroke"], one.attrib.get("stroke-dasharray")) for one in lines(drawn)] == [
        (ORANGE, "7 3"),
        (BLUE, None),
    ]
    points = [one[0].attrib for one in plot(drawn).iter("svg") if one.attrib.get("width") == "1"]
    assert {one["d"] for one in points if one["fill"] == BLUE}.isdisjoint(
        one["d"] for one in points if one["fill"] == ORANGE
    )


def test_the_legend_shows_what_the_series_look_like() -> None:
    legend = parts(draw(chart("line")), "legend")[0]
    assert ["".join(item.itertext()) for item in legend] == ["with threads", "with workers"]
    assert [item.find("svg/path").attrib["stroke"] for item in legend] == [ORANGE, BLUE]  # type: ignore[union-attr]


def test_a_limit_is_drawn_where_it_is_with_its_name_beside_it() -> None:
    limits = [{"axis": "y", "at": 4, "label": "high"}, {"axis": "y", "at": 1, "label": "low"}]
    drawn = draw(chart("line", (0, 0), (1, 5), rules=[*limits, {"axis": "x", "at": 0.25, "label": "then"}]))
    assert rules(drawn, "y1") == ["20%", "80%"]
    assert rules(drawn, "x1") == ["25%"]
    names = {one.text: one.attrib["style"] for one in parts(drawn, "limit")}
    assert names["high"] == f"top:{HEIGHT * 0.2:.0f}px"
    assert names["low"] == f"top:{HEIGHT * 0.8:.0f}px"
    assert names["then"].startswith("left:clamp(0px,25% - 13px,100% - 26px);bottom:calc(100% + 3px)")  # centred on it


def test_no_limit_goes_through_a_name() -> None:
    """Names are outside the plot, and limits are as long as the plot."""
    limits: list[dict[str, Any]] = [{"axis": axis, "at": at, "label": "a name"} for axis in "xy" for at in (1.5, 1.6)]
    drawn = draw(chart(rules=limits))
    for one in parts(drawn, "rule"):
        assert {one.attrib["x1"], one.attrib["x2"]} == {"0", "100%"} or {one.attrib["y1"], one.attrib["y2"]} == {
            "0",
            "100%",
        }
    for one in parts(drawn, "limit"):
        outside = "beside" in one.attrib["class"] or "bottom:calc(100% + " in one.attrib["style"]
        assert outside


def test_the_rows_are_the_points() -> None:
    made = plan(read_chart(chart("line", (1, 2), (2, None), (3, 3))))
    threads = [(row["n"], row["x"], row["y"]) for row in made.rows if row["series"] == "with threads"]
    assert threads == [(0, 1, 2), (1, 2, None), (2, 3, 3)]


def test_a_bar_reaches_from_the_floor_to_its_value_with_the_figure_on_top() -> None:
    drawn = draw(chart("bar", ("a", 20), ("b", 80)))
    bars = [one.attrib for one in plot(drawn).iter("rect") if one.attrib.get("fill") == BLUE]
    assert [(one["y"], one["height"]) for one in bars] == [("80%", "20%"), ("20%", "80%")]
    assert [(one.text, one.attrib["style"].partition("bottom:")[2]) for one in parts(drawn, "bar")][::2] == [
        ("20", "20%"),
        ("20", "20%"),
    ]


def test_bars_of_a_category_stand_beside_each_other_around_its_middle() -> None:
    drawn = fromstring(draw(chart("bar", ("a", 20), ("b", 80))))
    bars = [one.attrib for one in drawn.iter("rect") if one.attrib.get("fill") in (BLUE, ORANGE) and "x" in one.attrib]
    edges = sorted((float(one["x"][:-1]), float(one["x"][:-1]) + float(one["width"][:-1])) for one in bars)
    assert all(right <= left for (_, right), (left, _) in pairwise(edges))
    assert (edges[0][0] + edges[1][1]) / 2 == pytest.approx(25, abs=0.01)
