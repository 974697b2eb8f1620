"""Charts as SVG text, made without a browser: altair describes them, vl-convert draws them.

Three decisions. The ends and ticks of an axis are chosen here (`scales`), so that labels of limits can be kept apart.
The names of limits are beside the plot: inside it they would cover points. The SVG has a viewBox and no size of its own,
so it scales with the page.
"""

from __future__ import annotations

import html
import re
from typing import Any

import altair as alt
import vl_convert

from trio_lab.errors import UsageError
from trio_lab.records.chart import Chart
from trio_lab.records.reading import one_line
from trio_lab.report.layout import HEIGHT, Plan, plan
from trio_lab.report.look import INK, MUTED, theme, variables

_VARIABLES = variables()
_COLOUR = re.compile(rf'(fill|stroke)="({"|".join(_VARIABLES)})"')
_NUMBER = ",.6~r"  # six digits, no trailing zeros; without a count the library rounds 12.5 to 13


def draw(chart: Chart, *, key: str) -> str:
    """One chart as an ``<svg>`` element. ``key`` goes into its ids and must differ between charts of one page.

    Raises:
        UsageError: it cannot be drawn.
    """
    try:
        made = plan(chart)
        spec = _described(chart, made).to_dict(validate=False)
        spec.setdefault("datasets", {})["rows"] = made.rows
        svg = vl_convert.vegalite_to_svg(spec)
    except (ValueError, OverflowError) as error:  # numbers at the edge of what a float holds
        raise UsageError(f"the chart {one_line(chart.title)!r} cannot be drawn") from error
    return _finished(svg, title=chart.title, key=key)


def _described(chart: Chart, made: Plan) -> alt.LayerChart:
    # The rows are added at the end: the library would check each of them against its schema.
    base = alt.Chart(alt.NamedData(name="rows"), width=made.width, height=HEIGHT)
    layers: list[alt.Chart] = _rule_layers(made)
    layers += _bars(base, chart, made) if chart.kind == "bar" else _marks(base, chart, made)
    layered: alt.LayerChart = alt.layer(*layers).properties(padding=made.padding).configure(**theme())
    return layered


def _marks(base: alt.Chart, chart: Chart, made: Plan) -> list[alt.Chart]:
    """Lines, steps and points: x, y, and a style for each series."""
    encoded = base.encode(x=_x(chart, made), y=_y(chart, made), color=_by_series(alt.Color, "colour", made))
    points = encoded.mark_point(filled=True, opacity=0.9, size=55).encode(shape=_by_series(alt.Shape, "shape", made))
    if chart.kind == "point":
        return [points]
    line = encoded.mark_line(
        strokeWidth=2.25,
        interpolate="step-after" if chart.kind == "step" else "linear",
        strokeJoin="round",
        invalid="break-paths-filter-domains",
    ).encode(
        strokeDash=_by_series(alt.StrokeDash, "dash", made, legend=not made.marked),
        order=alt.Order("n", type="quantitative"),
    )
    return [line, points] if made.marked else [line]


def _bars(base: alt.Chart, chart: Chart, made: Plan) -> list[alt.Chart]:
    """Bars side by side in each category, with their values above if there is room."""
    offset = alt.XOffset("series", type="nominal", sort=made.names)
    encoded = base.encode(x=_x(chart, made), y=_y(chart, made), color=_by_series(alt.Color, "colour", made))
    if made.side_by_side:
        encoded = encoded.encode(xOffset=offset)
    bars = encoded.mark_bar(cornerRadiusEnd=2, width=made.bar_width).encode(y2=alt.YDatum(made.floor))
    if not made.bar_labels:
        return [bars]
    labels = encoded.mark_text(baseline="bottom", dy=-4, fontSize=11.5).encode(
        text=alt.Text("label", type="nominal"), y=_y(chart, made, "top"), color=alt.value(INK)
    )
    return [bars, labels]


def _x(chart: Chart, made: Plan) -> alt.X:
    if made.x is None:
        axis = alt.Axis(
            title=made.x_title,
            labelExpr="split(datum.label, '\\n')",
            labelAngle=made.label_angle,
            labelLimit=220,
            labelLineHeight=15,
            labelOverlap=made.label_angle != 0,
            ticks=False,
        )
        padding = 0.28 if chart.kind == "bar" else 0.5
        scale = alt.Scale(domain=made.categories, paddingInner=padding, paddingOuter=padding / 2)
        if chart.kind != "bar":
            scale = alt.Scale(domain=made.categories, padding=padding)
        return alt.X("x", type="nominal", sort=None, axis=axis, scale=scale)
    axis = alt.Axis(title=made.x_title, values=list(made.x.ticks), format=_NUMBER, labelOverlap="greedy", labelAngle=0)
    return alt.X("x", type="quantitative", axis=axis, scale=_scale(made.x.low, made.x.high, log=made.x.log))


def _y(chart: Chart, made: Plan, name: str = "y") -> alt.Y:
    axis = alt.Axis(
        title=made.y_title,
        values=list(made.y.ticks),
        format=_NUMBER,
        grid=True,
        # Read from left to right like the rest of the page, above the axis it names.
        titleAngle=0,
        titleAlign="left",
        titleAnchor="end",
        titleBaseline="bottom",
        titleX=-made.y_label_width,
        titleY=-10 - made.top_labels,
    )
    return alt.Y(name, type="quantitative", axis=axis, scale=_scale(made.y.low, made.y.high, log=made.y.log))


def _scale(low: float, high: float, *, log: bool) -> alt.Scale:
    return alt.Scale(type="log" if log else "linear", domain=[low, high], nice=False, zero=False)


def _by_series(channel: Any, look: str, made: Plan, *, legend: bool = True) -> Any:
    """The colour, dash or shape of each series, all in the same legend. ``legend=False`` leaves it out of that."""
    scale = alt.Scale(domain=made.names, range=[getattr(style, look) for style in made.styles])
    return channel("series", type="nominal", scale=scale, legend=_legend(made) if legend else None)


def _legend(made: Plan) -> alt.Legend:
    return alt.Legend(
        orient="top",
        title=None,
        columns=made.legend_columns,
        offset=36 + made.top_labels,
        columnPadding=22,
        symbolSize=170 if made.filled else 480,
        symbolStrokeWidth=0 if made.filled else 2.25,
    )


def _rule_layers(made: Plan) -> list[alt.Chart]:
    """The limits, drawn below the data, with their names at the right (for y) or on top (for x)."""
    layers: list[alt.Chart] = []
    for rule in made.rules:
        base = alt.Chart(alt.InlineData(values=[{}]))
        line = base.mark_rule(color=MUTED, strokeDash=[3, 3], strokeWidth=1.25)
        text: dict[str, Any] = {"text": list(rule.lines), "color": MUTED, "fontSize": 11.5, "lineHeight": 14}
        if rule.axis == "y":
            name = base.mark_text(**text, align="left", baseline="middle", dy=rule.text_dy)
            name = name.encode(y=alt.value(rule.text_at), x=alt.value(made.width + 8))
            layers += [line.encode(y=alt.YDatum(rule.at)), name]
        else:
            name = base.mark_text(**text, align="left", baseline="bottom")
            name = name.encode(x=alt.value(rule.text_at), y=alt.value(rule.text_dy))
            layers += [line.encode(x=alt.XDatum(rule.at)), name]
    return layers


def _finished(svg: str, *, title: str, key: str) -> str:
    """The converter's SVG as part of a page: a label, no fixed size, ids that no other chart has, the page's own colours."""
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{key}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{key}-\1)", svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{key}-\1"', svg)
    svg = _COLOUR.sub(lambda found: f'{found[1]}="var({_VARIABLES[found[2]]}, {found[2]})"', svg)
    opening, rest = svg.split(">", 1)
    opening = re.sub(r'\s(?:width|height|class)="[^"]*"', "", opening)
    label = html.escape(title)
    return f'{opening} role="img" aria-labelledby="{key}-title"><title id="{key}-title">{label}</title>{rest}'
