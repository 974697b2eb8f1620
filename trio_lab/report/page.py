"""The report: one HTML file that needs nothing else, no network and no other file.

It begins with the strongest finding, a sentence of each of the others, and a picture of queues over time; then come one line
per experiment, and each experiment in full. If runtimes were compared, the comparison comes before all that.
"""

from __future__ import annotations

from datetime import UTC, datetime

from trio_lab.records.result import ExperimentResult, Results
from trio_lab.report.comparison import compared_sections, overview, rounds, side_by_side
from trio_lab.report.contents import contents
from trio_lab.report.doctor import examination
from trio_lab.report.frame import framed
from trio_lab.report.lead import headline, held, learned, source, uncounted
from trio_lab.report.machine import machine
from trio_lab.report.prose import sentence, text
from trio_lab.report.section import anchor, badge, queue, section, tone
from trio_lab.report.table import decisive_check, expected, format_duration, measured, several_runtimes


def render(run: Results) -> str:
    """The whole page. Raises `UsageError` when a chart cannot be drawn."""
    numbered = list(enumerate(run.experiments, 1))
    counts = held(run.experiments)
    if run.comparison is None:
        lead, summary = headline(run), examination(run.doctor) + learned(run)
        sections = [section(number, one) for number, one in numbered]
    else:
        lead, summary = side_by_side(run.comparison), overview(run.comparison)
        sections = compared_sections(run.comparison, numbered)
    return framed(
        title=f"trio-lab: {lead}",
        eyebrow=f"trio-lab report{source(run) if run.comparison is None else ''}",
        lead=sentence(lead),
        facts=(f'<p class="counts">{text(counts)}</p>\n' if lead != counts else "")
        + f'<p class="dose">{text(_dose(run))}</p>',
        summary=summary,
        contents=contents(run, learned='id="learned"' in summary),
        body="\n".join(
            (_verdicts(run.experiments, named=several_runtimes(run)), "\n".join(sections), machine(run.environment))
        ),
    )


def _dose(run: Results) -> str:
    dose = "Quick dose: short runs, so rare events may be missing" if run.quick else "Full dose"
    dose = f"{dose}. {_when(run.created)}; the run took {format_duration(run.duration)}."
    if run.missing:
        is_are = "is" if len(run.missing) == 1 else "are"
        dose = f"{dose} It was interrupted: {len(run.missing)} of its experiments {is_are} missing."
    elif run.unexamined and run.doctor is None:
        dose += " It was interrupted before the doctor came."
    dose += uncounted(run.experiments)
    return dose if run.comparison is None else f"{dose} {rounds(run.comparison, run.experiments)}"


def _when(created: str) -> str:
    """``21 November 2026, 21:00 UTC``; anything else is left as it is."""
    try:
        moment = datetime.fromisoformat(created).astimezone(UTC)
    except (ValueError, OverflowError):
        return created
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _verdicts(experiments: tuple[ExperimentResult, ...], *, named: bool) -> str:
    """One row per experiment. ``named`` adds the runtime, and leaves out a question that is also that of the row above."""
    asked = ["", *(one.question for one in experiments)]
    rows = "\n".join(
        _verdict(number, one, named=named, ask=not (named and before == one.question))
        for number, (one, before) in enumerate(zip(experiments, asked, strict=False), 1)
    )
    runtime = "<th>Runtime</th>" if named else ""
    head = f"<th>Experiment</th>{runtime}<th>Outcome</th><th>Decisive figure</th><th>First full queue</th>"
    return (
        f'<section class="verdicts{" named" if named else ""}" id="verdicts" aria-label="Verdicts">'
        f'<table class="stacks"><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table></section>'
    )


def _verdict(number: int, experiment: ExperimentResult, *, named: bool, ask: bool) -> str:
    question = f"<span>{sentence(experiment.question)}</span>" if ask else ""
    runtime = f'<td class="runtime" data-label="Runtime">{text(experiment.runtime)}</td>' if named else ""
    return (
        f'<tr class="{tone(experiment.outcome)}">'
        f'<td class="what"><a href="#{anchor(number, experiment)}">{text(experiment.name)}</a>{question}</td>{runtime}'
        f'<td data-label="Outcome">{badge(experiment.outcome)}</td>'
        f'<td data-label="Decisive figure">{_decisive(experiment)}</td>'
        f'<td data-label="First full queue">{queue(experiment.first_full)}</td></tr>'
    )


def _decisive(experiment: ExperimentResult) -> str:
    check = decisive_check(experiment.evidence)
    if check is None:
        return "–"
    negation = "not " if check.passed is False else ""
    figure = text(measured(check))
    return (
        f'<span class="decisive"><b>{figure}</b> <i>{negation}{text(expected(check))}</i>'
        f"<span>{sentence(check.claim)}</span></span>"
    )
