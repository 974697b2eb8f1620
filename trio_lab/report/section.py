"""One experiment as a section of the page: question, prediction, finding, checks, charts, tables and advice."""

from __future__ import annotations

from trio_lab.records.chart import Cell, Chart, Table
from trio_lab.records.figures import Check
from trio_lab.records.result import ExperimentResult, Outcome
from trio_lab.records.timeline import Timeline
from trio_lab.report.charts import draw
from trio_lab.report.prose import paragraphs, sentence, slug, text
from trio_lab.report.table import NOT_OBSERVED, expected, format_duration, format_figure, format_range, measured
from trio_lab.report.timeline import DEPTH, fills_first, timeline_charts

_PANEL = 96  # pixels: four plots fit into a window
_UNSEEN = "this experiment does not look at the queues of a lab server."
_NEVER_FULL = "No queue was seen to fill."
_MEDIANS = "Each figure is the median of the rounds by itself, so a ratio (×) need not be the quotient of two others."
_SIGNS: dict[Outcome, tuple[str, str]] = {
    "confirmed": ("held", "✓"),
    "refuted": ("failed", "✗"),
    "undecided": ("open", "?"),
}
_MARKS = {
    True: '<span class="mark held"><b aria-hidden="true">✓</b> holds</span>',
    False: '<span class="mark failed"><b aria-hidden="true">✗</b> does not hold</span>',
    None: '<span class="mark open"><b aria-hidden="true">?</b> undecided</span>',
}


def anchor(number: int, experiment: ExperimentResult) -> str:
    """The id of a section. The number keeps two experiments of one name apart."""
    return f"e{number}-{slug(experiment.name)}"


def tone(outcome: Outcome) -> str:
    """The style class of an outcome."""
    return _SIGNS[outcome][0]


def mark(outcome: Outcome) -> str:
    """The sign of an outcome, which is read out as the word."""
    name, sign = _SIGNS[outcome]
    return f'<b class="mark {name}" role="img" aria-label="{text(outcome)}">{sign}</b>'


def badge(outcome: Outcome, word: str = "") -> str:
    """The outcome in words, or another ``word`` for it, with a sign and a colour that say the same."""
    name, sign = _SIGNS[outcome]
    return f'<span class="badge {name}"><b aria-hidden="true">{sign}</b> {text(word or outcome)}</span>'


def queue(first_full: str | None) -> str:
    """The name of a queue, "none", or "not observed"."""
    if first_full is None:
        return f'<span class="quiet">{NOT_OBSERVED}</span>'
    return '<span class="quiet">none</span>' if first_full == "none" else f"<code>{text(first_full)}</code>"


def _sure(confidence: float | None) -> str:
    return "" if confidence is None else f" ({confidence:.0%} sure)"


def section(number: int, experiment: ExperimentResult) -> str:
    """The whole section; ``number`` counts from 1 and is part of its ids."""
    here = anchor(number, experiment)
    parts = [
        f'<section class="experiment {tone(experiment.outcome)}" id="{here}" aria-labelledby="{here}-h {here}-on">',
        _heading(here, experiment),
        f'<p class="question">{sentence(experiment.question)}</p>',
        '<div class="pair">',
        f"<div><h3>Predicted</h3>{paragraphs(experiment.prediction)}</div>",
        f'<div class="finding"><h3>What happened</h3>{paragraphs(experiment.finding)}</div>',
        "</div>",
        checks_table(experiment.evidence.checks),
        _of_ratios(experiment),
        _queues(experiment),
        *map(figure, experiment.evidence.charts),
        *(table_figure(table) for table in experiment.evidence.tables),
        _notes(experiment.notes),
        _advice(experiment.advice),
        _figures(experiment.evidence.figures),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _heading(here: str, experiment: ExperimentResult) -> str:
    facts = [
        f"<span><code>{text(experiment.name)}</code></span>",
        f'<span id="{here}-on">on {text(experiment.runtime)}</span>',
        f"<span>{format_duration(experiment.duration)}</span>",
        f"<span>first full queue: {queue(experiment.first_full)}{_sure(experiment.confidence)}</span>",
    ]
    return (
        f'<header>{badge(experiment.outcome)}<h2 id="{here}-h">{text(experiment.title)}</h2>'
        f'<p class="facts">{"".join(facts)}</p></header>'
    )


def _queues(experiment: ExperimentResult) -> str:
    if experiment.timeline is None and experiment.failed:
        return '<p class="quiet">No queues over time: it could not be run.</p>'
    return over_time(experiment.timeline, counts=shows_what_counts(experiment))


def shows_what_counts(experiment: ExperimentResult) -> bool:
    """Whether its timeline is of a round that counts. Where none does, one of the others is shown."""
    return not experiment.conditions or any(one.counted for one in experiment.conditions)


def over_time(
    timeline: Timeline | None, *, title: str = "The queues over time, in the most typical round", counts: bool = True
) -> str:
    """Load, queues and loop under each other on one time axis; where there are none, a sentence that says why. If the round
    does not count (``counts``), the queue that filled first is told of this round alone."""
    if timeline is None:
        return f'<p class="quiet">No queues over time: {_UNSEEN}</p>'
    charts = timeline_charts(timeline)
    first = fills_first(timeline)
    said = _filled(*first, counts=counts) if first else _NEVER_FULL
    if not any(chart.title == DEPTH for chart in charts):
        said += " No caller was seen to wait in a queue."
    drawn = draw(title, *charts, height=_PANEL) if charts else ""
    return f'<figure class="timeline"><h3>{text(title)}</h3>{drawn}<figcaption><p>{said}</p></figcaption></figure>'


def _filled(name: str, after: float, *, counts: bool) -> str:
    moment = f"after {format_figure(after, 's')}"
    if counts:
        return f"<code>{text(name)}</code> fills first, {moment}."
    return f"<code>{text(name)}</code> filled first, {moment}, in a round that does not count."


def checks_table(checks: tuple[Check, ...]) -> str:
    """Each claim, what was expected and measured, and whether it holds."""
    if not checks:
        return ""
    rows = (
        f'<tr><td data-label="Claim">{sentence(check.claim)}</td>'
        f'<td data-label="Expected" class="number">{text(expected(check))}</td>'
        f'<td data-label="Measured" class="number"><b>{text(measured(check))}</b>'
        f"{_interval(check)}</td>"
        f'<td data-label="Result">{_MARKS[check.passed]}</td></tr>'
        for check in checks
    )
    head = '<th>Claim</th><th class="number">Expected</th><th class="number">Measured</th><th>Result</th>'
    return f'<table class="stacks checks"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _of_ratios(experiment: ExperimentResult) -> str:
    """Below the checks, if a ratio is among them: who divides one figure of the finding by another may find another number."""
    several = len(experiment.rounds or ()) > 1
    ratio = any(check.unit == "×" for check in experiment.evidence.checks)
    return f'<p class="quiet">{_MEDIANS}</p>' if several and ratio else ""


def _interval(check: Check) -> str:
    """The interval of a median, in small."""
    ends = format_range(check.low, check.high, check.unit)
    return f" <small>({text(ends)})</small>" if ends else ""


def figure(chart: Chart) -> str:
    """A chart with its title above and how to read it below; without any value, a sentence that says so."""
    recorded = any(y is not None for series in chart.series for _, y in series.points)
    drawing = draw(chart.title, chart) if recorded else '<p class="quiet">Nothing was recorded for this chart.</p>'
    note = f"<figcaption><p>{sentence(chart.note)}</p></figcaption>" if chart.note else ""
    return f"<figure><h3>{text(chart.title)}</h3>{drawing}{note}</figure>"


def table_figure(table: Table) -> str:
    """A table with its title above, like a chart."""
    note = f"<figcaption><p>{sentence(table.note)}</p></figcaption>" if table.note else ""
    return f"<figure><h3>{text(table.title)}</h3>{cells_of(table)}{note}</figure>"


def cells_of(table: Table) -> str:
    """The columns and rows of a table, without its title and note. One that is too wide scrolls in its own box."""
    head = "".join(f"<th>{text(column)}</th>" for column in table.columns)
    rows = "".join(_row(table.columns, row) for row in table.rows)
    drawn = f'<table class="stacks"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<div class="words" tabindex="0" role="group" aria-label="{text(table.title)}">{drawn}</div>'


def _row(columns: tuple[str, ...], row: tuple[Cell, ...]) -> str:
    said = (sentence(cell) if isinstance(cell, str) else text(format_figure(cell)) for cell in row)
    cells = (f'<td data-label="{text(column)}">{cell}</td>' for column, cell in zip(columns, said, strict=True))
    return f"<tr>{''.join(cells)}</tr>"


def _notes(notes: tuple[str, ...]) -> str:
    """What disturbed the measurement."""
    if not notes:
        return ""
    items = "".join(f"<li>{text(note)}</li>" for note in notes)
    return f'<div class="notes"><h3>About these figures</h3><ul class="quiet">{items}</ul></div>'


def _advice(advice: str) -> str:
    body = paragraphs(advice)
    return f'<div class="advice"><h3>What to do about it</h3>{body}</div>' if body else ""


def _figures(figures: dict[str, float | None]) -> str:
    """Every figure of the experiment, folded."""
    if not figures:
        return ""
    rows = "".join(
        f"<div><dt><code>{text(name)}</code></dt><dd>{format_figure(value)}</dd></div>"
        for name, value in figures.items()
    )
    return f'<details><summary>All {len(figures)} figures</summary><dl class="figures">{rows}</dl></details>'
