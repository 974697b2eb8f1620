"""The comparison of runtimes: one table of all compared figures, a section per experiment, and differences besides speed.

The runtimes' own sections are folded below the comparison that they belong to. Words and a sign say what is better or
worse; colour only repeats them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trio_lab.records.chart import Table
from trio_lab.records.figures import Compared
from trio_lab.records.result import ComparedExperiment, Comparison, Difference, ExperimentResult
from trio_lab.report.prose import paragraphs, sentence, slug, text
from trio_lab.report.section import badge, cells_of, figure, section
from trio_lab.report.standing import (
    MARGIN,
    REFERENCE,
    Standing,
    listed,
    overall,
    ratio_spread,
    ratio_text,
    runtimes_of,
    standing,
    standings_beside,
    value,
)
from trio_lab.report.table import NOT_MEASURED, decisive_check, describe, format_figure, format_range

_MARKS: dict[Standing, tuple[str, str]] = {"better": ("held", "▲"), "worse": ("failed", "▼"), "even": ("even", "=")}


def side_by_side(comparison: Comparison) -> str:
    """``trio, asyncio and node side by side.``"""
    names = runtimes_of(comparison)
    return f"{listed(names)} side by side." if len(names) > 1 else f"{''.join(names) or 'nothing'}, compared with none."


def rounds(comparison: Comparison, experiments: Iterable[ExperimentResult]) -> str:
    """How many rounds there were: those that were planned, and how many it were where some were added."""
    planned, most = comparison.rounds, max((len(one.rounds or ()) for one in experiments), default=0)
    if planned == 1 and most <= 1:
        return "One round, so nothing is known of the spread."
    added = f"; up to {most} where an outcome was undecided" if most > planned else ""
    return f"{planned} round{'s' if planned > 1 else ''}, every runtime in each{added}."


def overview(comparison: Comparison) -> str:
    """How Trio compares over all figures, and the table of every figure on every runtime."""
    names = runtimes_of(comparison)
    head = "".join(f"<th>{text(name)}</th>" for name in names)
    rows = "\n".join(_group(number, one, names) for number, one in enumerate(comparison.experiments, 1))
    table = f'<table class="stacks"><thead><tr><th>Figure</th>{head}</tr></thead>\n{rows}\n</table>' if rows else ""
    legend = _legend(comparison) if rows and REFERENCE in names else ""
    return (
        '<section class="comparison" id="comparison" aria-labelledby="comparison-h"><header>'
        f'<h2 id="comparison-h">How the runtimes compare</h2>{_counts(comparison, names)}{_absent(comparison)}'
        f"</header>\n{table}{legend}</section>\n"
    )


def _counts(comparison: Comparison, names: Sequence[str]) -> str:
    return "".join(_count(comparison, name) for name in names if name != REFERENCE)


def _count(comparison: Comparison, runtime: str) -> str:
    """``Beside asyncio: trio is ahead in 5 figures, behind in 2, even in 4.``"""
    count = standings_beside(comparison, runtime)
    if not any(count.values()):
        return ""
    words: dict[Standing, str] = {"better": "ahead", "worse": "behind", "even": "even"}
    said = ", ".join(_mark(one, f"{words[one]} in {count[one]}") for one in ("better", "worse", "even"))
    return f'<p class="tally"><b>{REFERENCE}</b> beside <b>{text(runtime)}</b>: {said}</p>'


def _absent(comparison: Comparison) -> str:
    """The runtimes that are missing and why."""
    items = (f"<b>{text(name)}</b>: {sentence(why)}" for name, why in comparison.missing.items())
    return "".join(f'<p class="absent">Missing: {item}</p>' for item in items)


def _legend(comparison: Comparison) -> str:
    spread = "" if comparison.rounds == 1 else "the median of the rounds, with the lowest and the highest in small; "
    paired = "divided by trio's"
    if comparison.rounds > 1:
        paired += (
            " of the same round, and of these ratios the median, which need not be the quotient of the two medians"
        )
    every = "the figure is" if comparison.rounds == 1 else "every round that counts says so and the median is"
    return (
        f'<p class="remark">Each figure: {spread}× is the runtime\'s figure {paired}. Better or worse means that '
        f"{every} off {REFERENCE}'s by {MARGIN * 100:g} % or more; the rest is even.</p>"
    )


def _group(number: int, experiment: ComparedExperiment, names: Sequence[str]) -> str:
    """A row with the name of an experiment, and its figures below."""
    link = f'<a href="#{compared_anchor(number, experiment)}">{text(experiment.name)}</a><span>{text(experiment.title)}</span>'
    rows = "".join(f"<tr>{_row(one, names)}</tr>" for one in experiment.figures)
    return f'<tbody><tr class="group"><th colspan="{len(names) + 1}" scope="rowgroup">{link}</th></tr>{rows}</tbody>'


def _row(one: Compared, names: Sequence[str]) -> str:
    cells = "".join(f'<td data-label="{text(name)}">{_cell(one, name, names)}</td>' for name in names)
    return f'<td class="which">{sentence(one.label)}<span>{one.better} is better</span></td>{cells}'


def _cell(one: Compared, runtime: str, names: Sequence[str]) -> str:
    found, ratio = value(one, runtime), ratio_spread(one, runtime)
    if found.median is None:
        return f'<span class="quiet">{NOT_MEASURED}</span>'
    spread = _small(format_range(found.min, found.max, one.unit))
    shown = f'<span class="figure"><b>{text(format_figure(found.median, one.unit))}</b>{spread}</span>'
    if said := ratio_text(one, runtime):
        shown += f' <span class="ratio">{said}{_small(format_range(ratio.min, ratio.max))}</span>'
    if runtime == REFERENCE:
        side, words = overall(one, names)
    else:
        side = standing(one, runtime)
        words = side or ""
    return f"{shown} {_mark(side, text(words))}" if side else shown


def _small(spread: str) -> str:
    return f" <small>{text(spread)}</small>" if spread else ""


def _mark(side: Standing, words: str) -> str:
    tone, sign = _MARKS[side]
    return f'<span class="mark {tone}"><b aria-hidden="true">{sign}</b>&nbsp;{words}</span>'


def compared_sections(comparison: Comparison, experiments: Iterable[tuple[int, ExperimentResult]]) -> list[str]:
    """A section for each compared experiment, with the runtimes' own sections folded into it; then the experiments that
    were not compared; then the differences besides speed. ``experiments`` come with the numbers that their ids have."""
    rest = list(experiments)
    sections = []
    for number, one in enumerate(comparison.experiments, 1):
        own = [(n, entry) for n, entry in rest if entry.name == one.name]
        rest = [(n, entry) for n, entry in rest if entry.name != one.name]
        sections.append(_section(compared_anchor(number, one), one, own))
    return [*sections, *(section(n, entry) for n, entry in rest), *_differences(comparison.differences)]


def compared_anchor(number: int, experiment: ComparedExperiment) -> str:
    """The id of a section; the letter tells it from those of single experiments."""
    return f"c{number}-{slug(experiment.name)}"


def _section(here: str, one: ComparedExperiment, own: Sequence[tuple[int, ExperimentResult]]) -> str:
    parts = [
        f'<section class="experiment compared" id="{here}" aria-labelledby="{here}-h">',
        f'<header><h2 id="{here}-h">{text(one.title)}</h2>',
        f'<p class="facts"><span><code>{text(one.name)}</code></span></p></header>',
        f'<p class="question">{sentence(one.question)}</p>',
        f'<div class="finding">{paragraphs(one.finding)}</div>' if one.finding.strip() else "",
        figure(one.chart) if one.chart else "",
        _blockers(one.blockers) if one.blockers else "",
        *(_folded(number, entry) for number, entry in own),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _blockers(table: Table) -> str:
    """The line that blocked the loop most, of each runtime."""
    return f'<h3>{text(table.title)}</h3>{cells_of(table)}<p class="remark">{sentence(table.note or "")}</p>'


def _folded(number: int, experiment: ExperimentResult) -> str:
    """One runtime's own section, folded; the visible line has its outcome and decisive figure."""
    summary = (
        f"<b>{text(experiment.runtime)}</b> {badge(experiment.outcome)} "
        f"<span>{sentence(describe(decisive_check(experiment.evidence)))}</span>"
    )
    return f'<details class="own"><summary>{summary}</summary>\n{section(number, experiment)}\n</details>'


def _differences(differences: Sequence[Difference]) -> list[str]:
    if not differences:
        return []
    heading = '<header class="part"><h2>What differs besides speed</h2></header>'
    return [heading, *(_difference(difference_anchor(n, one), one) for n, one in enumerate(differences, 1))]


def difference_anchor(number: int, difference: Difference) -> str:
    """The id of the table of a difference."""
    return f"d{number}-{slug(difference.name)}"


def _difference(here: str, one: Difference) -> str:
    note = f'<p class="remark">{sentence(one.note)}</p>' if one.note else ""
    return (
        f'<section class="difference" id="{here}" aria-labelledby="{here}-h">'
        f'<header><h3 id="{here}-h">{text(one.title)}</h3><p>{sentence(one.question)}</p></header>'
        f"{cells_of(one)}{note}</section>"
    )
