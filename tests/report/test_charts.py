"""Charts: every kind becomes SVG, and odd data becomes a gap or a clear refusal."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.report.from_json import draw, read_chart
from trio_lab.errors import UsageError
from trio_lab.report.layout import HEIGHT, plan


def chart(kind: str = "line", *points: tuple[Any, Any], **changes: Any) -> dict[str, Any]:
    values = [list(point) for point in points or ((1, 2), (2, 4), (3, 3))]
    return {
        "title": "Delay & load",
        "kind": kind,
        "x": {"title": "seconds", "log": False, "categories": False},
        "y": {"title": "delay, ms", "log": False},
        "series": [
            {"name": "with threads", "points": values, "role": "bad"},
            {"name": "with workers", "points": values, "role": "good"},
        ],
        "rules": [],
        "note": None,
        **changes,
    }


def texts(svg: str) -> list[str]:
    """What a reader sees, and nothing that is not well-formed."""
    return [
        "".join(element.itertext()) for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("}text")
    ]


@pytest.mark.parametrize("kind", ["line", "step", "point", "bar"])
def test_every_kind_names_its_series_and_axes(kind: str) -> None:
    assert {"with threads", "with workers", "seconds", "delay, ms"} <= set(texts(draw(chart(kind))))


@pytest.mark.parametrize("kind", ["line", "bar"])
def test_categories_stand_under_the_axis(kind: str) -> None:
    drawn = chart(kind, ("trio", 1), ("node", 2), x={"title": "runtime", "categories": True})
    assert {"trio", "node"} <= set(texts(draw(drawn)))


@pytest.mark.parametrize("kind", ["line", "step", "point", "bar"])
@pytest.mark.parametrize("log", [False, True])
def test_values_without_a_place_are_gaps(kind: str, log: bool) -> None:
    points = ((1, 2), (2, None), (3, 0), (4, math.nan), (5, math.inf), (6, 7))
    svg = draw(chart(kind, *points, y={"title": "ms", "log": log}))
    assert not re.search(r"NaN|Infinity|undefined|null", svg)


def test_bar_without_a_value_says_so() -> None:
    assert "–" in texts(draw(chart("bar", ("a", 1), ("b", None))))


@pytest.mark.parametrize("log", [True, False])
def test_the_lowest_bar_is_seen_and_the_highest_has_room_for_its_value(log: bool) -> None:
    made = plan(read_chart(chart("bar", ("a", 20), ("b", 80)) | {"y": {"title": "ms", "log": log}}))
    assert made.floor < 20
    assert made.y.high > 80


def test_bars_stand_side_by_side_only_where_a_category_has_more_than_one() -> None:
    def series(name: str, category: str) -> dict[str, Any]:
        return {"name": name, "points": [[category, 1]], "role": None}

    alone = plan(read_chart(chart("bar", series=[series("bad", "buffer"), series("good", "stream")])))
    both = plan(read_chart(chart("bar", series=[series("bad", "buffer"), series("good", "buffer")])))
    assert (alone.side_by_side, both.side_by_side) == (False, True)


def test_limits_are_drawn_and_named() -> None:
    rules = [{"axis": "y", "at": 2.5, "label": "25 ms"}, {"axis": "x", "at": 2, "label": "load ends"}]
    assert {"25 ms", "load ends"} <= set(texts(draw(chart(rules=rules))))


def test_names_of_close_limits_do_not_touch() -> None:
    rules = [{"axis": axis, "at": at, "label": "a limit"} for axis in "xy" for at in (2, 2.01, 2.02)]
    placed = plan(read_chart(chart(rules=rules))).rules
    beside = sorted(rule.text_at for rule in placed if rule.axis == "y")
    above = sorted(rule.text_dy for rule in placed if rule.axis == "x")
    assert min(low - high for high, low in pairwise(beside)) >= 14
    assert len(set(above)) == 3
    assert all(0 <= at <= HEIGHT + 30 for at in beside)


def test_image_has_a_label_and_scales_with_its_page() -> None:
    root = ElementTree.fromstring(draw(chart()))
    assert root.attrib["role"] == "img"
    assert root[0].text == "Delay & load"
    assert root.attrib["aria-labelledby"] == root[0].attrib["id"]
    assert "viewBox" in root.attrib
    assert "width" not in root.attrib


def test_ids_of_two_charts_never_meet() -> None:
    first, second = (set(re.findall(r'\bid="([^"]+)"', draw(chart(), key=key))) for key in ("a", "b"))
    assert first
    assert not first & second


def test_references_point_to_ids_that_are_there() -> None:
    svg = draw(chart("line", *((n, n) for n in range(500))), key="k")
    assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= set(re.findall(r'\bid="([^"]+)"', svg))


def test_series_of_one_name_stay_two() -> None:
    series = [{"name": "same", "points": [[1, n]], "role": None} for n in (1, 2)]
    assert {"same", "same (2)"} <= set(texts(draw(chart(series=series))))


def test_roles_differ_in_more_than_colour() -> None:
    threads, workers = plan(read_chart(chart())).styles
    assert threads.colour != workers.colour
    assert threads.dash != workers.dash
    assert threads.shape != workers.shape


def test_text_from_a_file_cannot_break_the_drawing() -> None:
    name = "</text><script>\x00\ud800\n" + "x" * 500
    drawn = draw(chart(title=name, series=[{"name": name, "points": [[1, 1]], "role": None}]))
    assert "<script" not in drawn
    ElementTree.fromstring(drawn)


@pytest.mark.parametrize(
    "broken",
    [
        chart(kind="pie"),
        chart(series=[]),
        chart("line", ("a", 1)),
        chart("line", (0, 1e308), (1, -1e308)),
        chart(series=[{"name": "a", "points": [[1]]}]),
        chart(x="seconds"),
    ],
)
def test_chart_that_cannot_be_drawn_is_refused_in_one_line(broken: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as refusal:
        draw(broken)
    assert "\n" not in str(refusal.value)
