"""Charts: every kind is drawn, its values can be read, and odd data becomes a gap or a clear refusal."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import trio_lab.report
from tests.report.from_json import draw, read_chart
from trio_lab.errors import UsageError
from trio_lab.records.chart import Role, Series
from trio_lab.report.layout import HEIGHT, plan
from trio_lab.report.look import styles

STYLE = Path(trio_lab.report.__file__).with_name("style.css").read_text(encoding="utf-8")


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
    return [text for element in ElementTree.fromstring(svg).iter() for text in (element.text, element.tail) if text]


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
    above = sorted(rule.row for rule in placed if rule.axis == "x")
    assert min(low - high for high, low in pairwise(beside)) >= 14
    assert len(set(above)) == 3
    assert all(0 <= at <= HEIGHT + 30 for at in beside)


def parts(drawn: str, name: str) -> list[ElementTree.Element]:
    """The elements of this class."""
    return [one for one in ElementTree.fromstring(drawn).iter() if name in one.attrib.get("class", "").split()]


def test_chart_and_image_have_a_label_and_the_arrow_keys_reach_it() -> None:
    root = ElementTree.fromstring(draw(chart()))
    assert (root.attrib["role"], root.attrib["tabindex"]) == ("group", "0")
    assert root.attrib["aria-label"] == "Delay & load. Arrow keys read its values."
    [image] = [one for one in root.iter("svg") if one.attrib.get("role") == "img"]
    assert image.attrib["aria-label"] == "Delay & load"


@pytest.mark.parametrize("kind", ["line", "bar"])
def test_a_chart_is_as_wide_as_its_page_and_needs_no_more_than_a_telephone_has(kind: str) -> None:
    drawn = draw(chart(kind, ("p50", 1), ("p99", 20_000), x={"title": "percentile", "categories": True}))
    [frame] = parts(drawn, "frame")
    style = dict(one.split(":") for one in frame.attrib["style"].split(";"))
    assert float(style["min-width"].removesuffix("px")) <= 326
    [image] = [one for one in ElementTree.fromstring(drawn).iter("svg") if "role" in one.attrib]
    assert not {"width", "viewBox"} & image.attrib.keys()


def test_charts_under_each_other_have_their_plots_between_the_same_edges_and_one_axis_below() -> None:
    low = chart("step", (0, 1), (9, 2), rules=[{"axis": "y", "at": 2, "label": "a limit"}])
    high = chart("point", (0, 1_000_000), (9, 2_000_000), title="Wait")
    drawn = draw(low, high)
    assert len(parts(drawn, "frame")) == 1  # the edges are this one's
    assert [len(parts(drawn, name)) for name in ("panel", "plot", "ticks")] == [2, 2, 1]
    sides = [
        [float(one) for one in re.findall(r"--(?:left|right):(\d+)px", draw(*charts))] for charts in ([low], [high])
    ]
    both = [float(one) for one in re.findall(r"--(?:left|right):(\d+)px", drawn)]
    assert both == [max(left_or_right) for left_or_right in zip(*sides, strict=True)]


def test_every_value_can_be_read_where_it_is() -> None:
    columns = parts(draw(chart("line", (1, 2), (2, None), (5, 30_000))), "at")
    assert [one[0].text for one in columns] == [
        "1 seconds\nwith threads: 2 ms\nwith workers: 2 ms",
        "5 seconds\nwith threads: 30,000 ms\nwith workers: 30,000 ms",
    ]
    assert [one.attrib["data-x"] for one in columns] == ["0%", "100%"]
    assert [(one.attrib["x"], one.attrib["width"]) for one in columns] == [("0%", "50%"), ("50%", "50%")]


def test_values_too_close_to_point_at_are_read_together() -> None:
    columns = parts(draw(chart("point", *((n / 10, n) for n in range(1001)))), "at")
    assert len(columns) == 120
    assert columns[0][0].text == "0 seconds\nwith threads: 0–8 ms\nwith workers: 0–8 ms"
    widths = [float(one.attrib["width"].removesuffix("%")) for one in columns]
    assert sum(widths) == pytest.approx(100, abs=1)


def test_values_of_a_category_are_read_with_its_name() -> None:
    columns = parts(draw(chart("bar", ("p50", 1), ("p99", 3), y={"title": "how many of them there are"})), "at")
    assert [one[0].text for one in columns] == [
        "p50\nwith threads: 1\nwith workers: 1",
        "p99\nwith threads: 3\nwith workers: 3",
    ]


def test_labels_of_an_x_axis_do_not_touch_where_it_is_narrow() -> None:
    log = {"title": "size", "log": True}
    drawn = draw(chart("line", *((10.0**n, n) for n in range(-2, 8)), x=log))
    labels = parts(drawn, "x")
    narrow = [one for one in labels if "roomy" not in one.attrib["class"]]
    for shown, width in ((labels, 600), (narrow, 200)):
        places = [(float(one.attrib["style"][5:-1]) / 100 * width, len(one.text or "") * 6.6 / 2) for one in shown]
        assert all(at + half <= after - other for (at, half), (after, other) in pairwise(places))
    assert len(narrow) >= 2


def test_the_last_label_of_an_x_axis_has_room_beside_the_plot() -> None:
    short, long = (plan(read_chart(chart("line", (0, 1), (end, 2)))).right for end in (9, 2_000_000))
    assert short == 14
    assert long >= len("2,000,000") * 6.6 / 2


def test_labels_of_a_low_plot_do_not_touch() -> None:
    for log in (False, True):
        high = plan(read_chart(chart("line", (1, 1), (2, 900), y={"title": "ms", "log": log})), height=60)
        assert 2 <= len(high.y_ticks) <= 4


def test_the_figure_of_a_bar_is_drawn_over_the_limit_behind_it() -> None:
    drawn = draw(chart("bar", ("a", 20), ("b", 80), rules=[{"axis": "y", "at": 81, "label": "limit"}]))
    order = [one.attrib.get("class") for one in ElementTree.fromstring(drawn).iter()]
    assert order.index("rule") < order.index("bar")
    assert ".plot > .bar {" in STYLE
    assert "background: var(--card)" in STYLE.partition(".plot > .bar {")[2].partition("}")[0]


def test_every_colour_of_a_chart_is_in_the_style_sheet_for_a_light_and_for_a_dark_page() -> None:
    used = {style.colour for role in ("good", "bad", "neutral") for style in styles([series(role)] * 6)}
    light, dark = STYLE.split("prefers-color-scheme: dark", 1)
    for colour in used:
        name = colour.removeprefix("var(").removesuffix(")")
        assert all(f"{name}: #" in page for page in (light, dark.partition("}\n}")[0])), name


def series(role: Role) -> Series:
    return Series(name="s", points=(), role=role)


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
        chart("line", (1e308, 0), (-1e308, 1)),
        chart(series=[{"name": "a", "points": [[1]]}]),
        chart(x="seconds"),
    ],
)
def test_chart_that_cannot_be_drawn_is_refused_in_one_line(broken: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as refusal:
        draw(broken)
    assert "\n" not in str(refusal.value)
