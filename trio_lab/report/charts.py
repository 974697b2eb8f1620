"""Charts as HTML around SVG, drawn here and not by a library.

Three decisions. A chart has the width of its page, on a telephone too: the plot is stretched and its text is not, because
text is HTML beside the plot. Charts under each other that share an axis have their plots between the same two edges. Every
value can be read: a resting pointer shows it without any script, and ``values.js`` shows it to a finger and to the arrow
keys.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from trio_lab.errors import UsageError
from trio_lab.records.chart import Chart
from trio_lab.records.reading import one_line
from trio_lab.report.layout import HEIGHT, Plan, plan, shown_ticks, tick_label
from trio_lab.report.limits import LINE, SIGN, PlacedRule
from trio_lab.report.look import Style
from trio_lab.report.marks import bar_left, columns, marks, percent
from trio_lab.report.prose import text


def draw(title: str, *charts: Chart, height: float = HEIGHT) -> str:
    """Charts as one element. Several stand under each other and share the x axis, which only the last one shows.

    Raises:
        UsageError: one cannot be drawn.
    """
    made = [_planned(chart, height) for chart in charts]
    left, right = max(one.left for one in made), max(one.right for one in made)
    wide = left + right + max(one.width for one in made)
    panels = (
        _panel(chart, one, head=len(charts) > 1, foot=one is made[-1]) for chart, one in zip(charts, made, strict=True)
    )
    label = text(f"{title}. Arrow keys read its values.")
    return (
        f'<div class="chart" tabindex="0" role="group" aria-label="{label}"><div class="frame" style="min-width:{wide:.0f}px;'
        f'--left:{left:.0f}px;--right:{right:.0f}px">{"".join(panels)}'
        '<output class="values" aria-live="polite"></output></div></div>'
    )


def _planned(chart: Chart, height: float) -> Plan:
    try:
        made = plan(chart, height=height)
        if not all(math.isfinite(axis.high - axis.low) for axis in (made.x, made.y) if axis):
            raise OverflowError
        return made
    except (ValueError, OverflowError, ZeroDivisionError) as error:  # numbers at the edge of what a float holds
        raise UsageError(f"the chart {one_line(chart.title)!r} cannot be drawn") from error


def _panel(chart: Chart, made: Plan, *, head: bool, foot: bool) -> str:
    unit = text(made.y_title)
    title = f"<h4>{text(one_line(chart.title))}<span>{unit}</span></h4>" if head else ""
    axis = "" if head else f'<p class="axis">{unit}</p>'
    image = f'<svg role="img" aria-label="{text(one_line(chart.title))}">{marks(chart, made)}{columns(made)}</svg>'
    names = "".join(_rule_name(rule, made) for rule in made.rules if any(rule.lines))
    return (
        f'<div class="panel"><header>{title}{_legend(chart, made)}</header>{axis}'
        f'<div class="plot" style="height:{made.height:.0f}px;margin-top:{made.top + 8:.0f}px">{image}'
        f"{''.join(_y_ticks(made))}{''.join(_bar_values(chart, made))}{names}</div>{_foot(made) if foot else ''}</div>"
    )


def _legend(chart: Chart, made: Plan) -> str:
    pairs = zip(made.names, made.styles, strict=True)
    items = "".join(f"<li>{_swatch(chart, made, style)}{text(name)}</li>" for name, style in pairs)
    return f'<ul class="legend">{items}</ul>'


def _swatch(chart: Chart, made: Plan, style: Style) -> str:
    """A piece of what the series looks like."""
    if chart.kind == "bar":
        return f'<svg width="12" height="12"><rect width="12" height="12" rx="2" fill="{style.colour}"/></svg>'
    dash = f' stroke-dasharray="{style.dash}"' if style.dash else ""
    line = "" if chart.kind == "point" else f'<path class="line" d="M0 6h32" stroke="{style.colour}"{dash}/>'
    if chart.kind != "point" and not made.marked:
        return f'<svg width="32" height="12">{line}</svg>'
    wide = 32 if line else 12
    shape = f'<path d="{style.shape}" fill="{style.colour}"/>'
    return f'<svg width="{wide}" height="12">{line}<svg x="{wide // 2}" y="6" width="1" height="1">{shape}</svg></svg>'


def _y_ticks(made: Plan) -> Iterator[str]:
    for tick in made.y_ticks:
        yield f'<span class="y" aria-hidden="true" style="top:{percent(made.down(tick))}">{tick_label(tick)}</span>'


def _bar_values(chart: Chart, made: Plan) -> Iterator[str]:
    if chart.kind != "bar" or made.bar_labels == "never":
        return
    wide = " roomy" if made.bar_labels == "wide" else ""
    for row in made.rows:
        left, bottom = percent(bar_left(made, row) + made.bar / 2), percent(1 - made.down(row["top"]))
        yield f'<span class="bar{wide}" style="left:{left};bottom:{bottom}">{text(row["label"])}</span>'


def _rule_name(rule: PlacedRule, made: Plan) -> str:
    if rule.axis == "y":
        lines = "<br/>".join(map(text, rule.lines))
        return f'<span class="limit beside" style="top:{rule.text_at:.0f}px">{lines}</span>'
    wide = len(rule.lines[0]) * SIGN
    left = f"clamp(0px,{percent(made.across(rule.at))} - {wide / 2:.0f}px,100% - {wide:.0f}px)"
    bottom = f"calc(100% + {rule.row * LINE + 3}px)"
    return f'<span class="limit" style="left:{left};bottom:{bottom};width:{wide:.0f}px">{text(rule.lines[0])}</span>'


def _foot(made: Plan) -> str:
    """The x axis: categories in cells of one width, which break into lines, or the numbers of the ticks."""
    if made.x is None:
        cells = "".join(f"<span>{text(name)}</span>" for name in made.categories)
        return f'<div class="categories">{cells}</div><p class="axis under">{text(made.x_title)}</p>'
    ticks = "".join(
        f'<span class="x{"" if narrow else " roomy"}" style="left:{percent(made.across(tick))}">{tick_label(tick)}</span>'
        for tick, narrow in shown_ticks(made.x)
    )
    return f'<div class="ticks" aria-hidden="true">{ticks}</div><p class="axis under">{text(made.x_title)}</p>'
