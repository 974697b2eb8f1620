"""The report: one HTML file that needs nothing else, neither network nor script.

It begins with the strongest finding and a sentence of each of the others; then come one line per experiment, and each
experiment in full. If runtimes were compared, the comparison comes before all that. The content security policy in the head
forbids every load, so a results file of unknown origin can at worst look odd.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from string import Template
from typing import Any

import msgspec

from trio_lab.records.chart import Chart
from trio_lab.records.result import ExperimentResult, Results
from trio_lab.report.comparison import compared_sections, headline, overview, rounds
from trio_lab.report.lead import first_sentence, held, strongest
from trio_lab.report.prose import sentence, text
from trio_lab.report.section import anchor, badge, figure, queue, section, tone
from trio_lab.report.table import decisive_check, expected, format_duration, format_figure, several_runtimes
from trio_lab.report.timeline import DEPTH, timeline_charts

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
$style
</style>
</head>
<body>
<main>
<header class="top">
<p class="eyebrow">trio-lab report</p>
<h1>$lead</h1>
<p class="dose">$dose</p>
</header>
$comparison$verdicts
$sections
$machine
</main>
</body>
</html>
""")


def render(run: Results) -> str:
    """The whole page. Raises `UsageError` when a chart cannot be drawn."""
    numbered = list(enumerate(run.experiments, 1))
    if run.comparison is None:
        lead, summary = _lead(run), _learned(run.experiments)
        sections = [section(number, one) for number, one in numbered]
    else:
        lead, summary = headline(run.comparison), overview(run.comparison)
        sections = compared_sections(run.comparison, numbered)
    return _PAGE.substitute(
        title=text(f"trio-lab: {lead}"),
        style=files("trio_lab.report").joinpath("style.css").read_text(encoding="utf-8"),
        lead=text(lead),
        dose=text(_dose(run)),
        comparison=summary,
        verdicts=_verdicts(run.experiments, named=several_runtimes(run)),
        sections="\n".join(sections),
        machine=_machine(run.environment),
    )


def _lead(run: Results) -> str:
    """The strongest finding; without one, how many predictions held."""
    told = strongest(run.experiments)
    return first_sentence(told[0].finding) if told else held(run.experiments)


def _learned(experiments: tuple[ExperimentResult, ...]) -> str:
    """One sentence of each experiment, the strongest first, and the queues over time of the first that has them."""
    told = strongest(experiments)
    if not told:
        return ""
    number = {id(one): n for n, one in enumerate(experiments, 1)}
    items = "".join(
        f'<li>{sentence(first_sentence(one.finding))} <a href="#{anchor(number[id(one)], one)}">{text(one.name)}</a></li>'
        for one in told
    )
    pictured = next((one for one in told if one.timeline is not None and _depth(one)), None)
    picture = "" if pictured is None else _picture(pictured)
    return f'<section class="learned"><h2>What we learned about queues</h2><ol>{items}</ol>{picture}</section>\n'


def _depth(experiment: ExperimentResult) -> list[Chart]:
    """The charts that show how deep the queues were."""
    charts = timeline_charts(experiment.timeline) if experiment.timeline else []
    return [chart for chart in charts if chart.title == DEPTH]


def _picture(experiment: ExperimentResult) -> str:
    said = f"{experiment.title}: callers that wait in each queue, over one round of {experiment.name}."
    return "".join(figure("lead", replace(chart, note=said)) for chart in _depth(experiment))


def _dose(run: Results) -> str:
    dose = "Quick dose: short runs, so rare events may be missing" if run.quick else "Full dose"
    dose = f"{dose}. {_when(run.created)}; the run took {format_duration(run.duration)}."
    if run.missing:
        dose = f"{dose} It was interrupted: {len(run.missing)} of its experiments are missing."
    return (
        f"{held(run.experiments)} {dose}"
        if run.comparison is None
        else f"{dose} {rounds(run.comparison)} {held(run.experiments)}"
    )


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
        f'<section class="verdicts{" named" if named else ""}" aria-label="Verdicts">'
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
    figure = text(format_figure(check.measured, check.unit))
    return (
        f'<span class="decisive"><b>{figure}</b> <i>{negation}{text(expected(check))}</i>'
        f"<span>{sentence(check.claim)}</span></span>"
    )


def _machine(environment: dict[str, Any]) -> str:
    """The machine and the versions, without which no figure can be compared with another."""
    packages = environment.get("packages")
    rows = "".join(_fact(name, value) for name, value in environment.items() if name != "packages")
    versions = "".join(_fact(name, value) for name, value in packages.items()) if isinstance(packages, dict) else ""
    return (
        '<section class="machine"><h2>Machine and versions</h2><div class="pair">'
        f'<div><h3>Machine</h3><dl class="figures">{rows}</dl></div>'
        f'<div><h3>Packages</h3><dl class="figures">{versions}</dl></div></div>'
        "<p>Everything on this page stands in <code>results.json</code> beside it. "
        "To make the page again from that file: <code>trio-lab report DIR</code>.</p></section>"
    )


def _fact(name: str, value: Any) -> str:
    in_bytes = name.endswith("_bytes") and isinstance(value, int | float) and abs(value) < 1e18
    shown = format_figure(value, "B") if in_bytes else _plain(value)
    label = name.removesuffix("_bytes").replace("_", " ") if "_" in name else name
    return f"<div><dt>{text(label)}</dt><dd>{text(shown)}</dd></div>"


def _plain(value: Any) -> str:
    """A value of any kind: the environment may hold more than this version knows."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
