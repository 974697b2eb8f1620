"""What a chart draws: the library's specification of it, from which the drawing is made."""

from __future__ import annotations

from typing import Any

import pytest

from tests.report.from_json import read_chart
from tests.report.test_charts import chart
from trio_lab.report.charts import _described
from trio_lab.report.layout import HEIGHT, plan

BLUE, ORANGE = "#0b6fa4", "#d9530b"  # good, bad


class Drawn:
    """The layers of a chart, by their kind of mark."""

    def __init__(self, kind: str, *points: tuple[Any, Any], **changes: Any) -> None:
        read = read_chart(chart(kind, *points, **changes))
        self.plan = plan(read)
        self._layers = _described(read, self.plan).to_dict(validate=False)["layer"]

    def all(self, mark: str) -> list[dict[str, Any]]:
        return [layer for layer in self._layers if layer["mark"]["type"] == mark]

    def one(self, mark: str) -> dict[str, Any]:
        [layer] = self.all(mark)
        return layer


@pytest.mark.parametrize("kind", ["line", "step", "point", "bar"])
@pytest.mark.parametrize(("log", "scale"), [(True, "log"), (False, "linear")])
def test_an_axis_is_drawn_as_it_was_planned(kind: str, log: bool, scale: str) -> None:
    axis = {"title": "t", "log": log, "categories": False}
    drawn = Drawn(kind, (2, 30), (3, 400), (5, 7000), x=axis, y=axis)
    encoding = drawn.one({"step": "line"}.get(kind, kind))["encoding"]
    for name, planned in (("x", drawn.plan.x), ("y", drawn.plan.y)):
        if planned is None:
            assert (kind, name) == ("bar", "x")
            assert (encoding[name]["type"], encoding[name]["scale"]["domain"]) == ("nominal", ["2", "3", "5"])
        else:
            assert encoding[name]["type"] == "quantitative"
            assert (encoding[name]["scale"]["type"], encoding[name]["scale"]["domain"]) == (
                scale,
                [planned.low, planned.high],
            )
            assert encoding[name]["axis"]["values"] == list(planned.ticks)


@pytest.mark.parametrize(("kind", "interpolate"), [("line", "linear"), ("step", "step-after")])
def test_a_step_holds_its_value_until_the_next(kind: str, interpolate: str) -> None:
    assert Drawn(kind).one("line")["mark"]["interpolate"] == interpolate


@pytest.mark.parametrize(("kind", "mark"), [("line", "line"), ("line", "point"), ("point", "point"), ("bar", "bar")])
def test_each_series_has_the_colour_of_its_role(kind: str, mark: str) -> None:
    scale = Drawn(kind).one(mark)["encoding"]["color"]["scale"]
    assert dict(zip(scale["domain"], scale["range"], strict=True)) == {"with threads": ORANGE, "with workers": BLUE}


def test_each_series_has_its_own_dashes_and_shapes() -> None:
    drawn = Drawn("line")
    dashes = drawn.one("line")["encoding"]["strokeDash"]["scale"]
    shapes = drawn.one("point")["encoding"]["shape"]["scale"]
    assert dict(zip(dashes["domain"], map(list, dashes["range"]), strict=True)) == {
        "with threads": [7, 3],
        "with workers": [1, 0],
    }
    assert dict(zip(shapes["domain"], shapes["range"], strict=True)) == {
        "with threads": "triangle-up",
        "with workers": "circle",
    }


def test_a_limit_is_drawn_where_it_is_with_its_name_beside_it() -> None:
    rules = [{"axis": "y", "at": 4, "label": "high"}, {"axis": "y", "at": 1, "label": "low"}]
    drawn = Drawn("line", (0, 0), (1, 5), rules=[*rules, {"axis": "x", "at": 0.25, "label": "then"}])
    at = [layer["encoding"] for layer in drawn.all("rule")]
    assert [encoding["y"]["datum"] for encoding in at if "y" in encoding] == [4, 1]
    assert [encoding["x"]["datum"] for encoding in at if "x" in encoding] == [0.25]
    assert (drawn.plan.y.low, drawn.plan.y.high) == (0, 5)
    names = {layer["mark"]["text"][0]: layer["encoding"] for layer in drawn.all("text")}
    assert names["high"]["y"]["value"] == pytest.approx(HEIGHT * 0.2)  # pixels from the top
    assert names["low"]["y"]["value"] == pytest.approx(HEIGHT * 0.8)
    assert names["then"]["x"]["value"] == pytest.approx(drawn.plan.width * 0.25, abs=20)  # centred on it


def test_the_rows_are_the_points() -> None:
    made = Drawn("line", (1, 2), (2, None), (3, 3)).plan
    threads = [(row["n"], row["x"], row["y"]) for row in made.rows if row["series"] == "with threads"]
    assert threads == [(0, 1, 2), (1, 2, None), (2, 3, 3)]


def test_a_bar_reaches_from_the_floor_to_its_value_with_the_figure_on_top() -> None:
    drawn = Drawn("bar", ("a", 20), ("b", 80))
    bar, label = drawn.one("bar")["encoding"], drawn.one("text")["encoding"]
    assert (bar["y"]["field"], bar["y2"]["datum"]) == ("y", 0.0)
    assert (label["y"]["field"], label["text"]["field"]) == ("top", "label")
    assert [(row["y"], row["top"], row["label"]) for row in drawn.plan.rows[:2]] == [(20, 20, "20"), (80, 80, "80")]
