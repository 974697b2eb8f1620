"""The report of drills: one HTML file, and the results beside it. Each drill with its checks, its control and its tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trio_lab.records.codec import encode
from trio_lab.records.drill import ControlResult, DrillResult, DrillResults
from trio_lab.records.result import Outcome
from trio_lab.report.disk import write_whole
from trio_lab.report.frame import framed
from trio_lab.report.prose import sentence, slug, text
from trio_lab.report.section import badge, checks_table, table_figure, tone
from trio_lab.report.table import format_duration

_OUTCOMES: dict[str, Outcome] = {"passed": "confirmed", "undecided": "undecided", "failed": "refuted"}


def save_drills(results: DrillResults, folder: Path) -> Path:
    """Write ``drills.json`` and ``index.html``; returns the path of the page.

    Raises:
        UsageError: the folder cannot be written.
    """
    write_whole(folder / "drills.json", encode(results) + b"\n")
    page = folder / "index.html"
    write_whole(page, render_drills(results).encode())
    return page


def render_drills(results: DrillResults) -> str:
    """The whole page."""
    passed = sum(one.passed for one in results.drills)
    lead = f"{passed} of {len(results.drills)} drills passed"
    dose = "Short doses." if results.gate else f"Full doses × {results.dose:g}."
    return framed(
        title=lead,
        eyebrow="trio-lab drills",
        lead=text(lead),
        facts=f'<p class="dose">{text(dose)}</p>',
        body="\n".join(_section(one) for one in results.drills),
    )


def _section(one: DrillResult) -> str:
    here = slug(one.name)
    outcome = _OUTCOMES[one.verdict]
    parts = [
        f'<section class="experiment {tone(outcome)}" id="{here}" aria-labelledby="{here}-h">',
        f'<header>{badge(outcome, one.verdict)}<h2 id="{here}-h">{text(one.name)}</h2>'
        f'<p class="facts"><span>drill {one.number}</span><span>{format_duration(one.duration)}</span></p></header>',
        f'<p class="question">{sentence(one.question)}</p>',
        *(f"<p>{text(said)}</p>" for said in _said(one, one.control)),
        checks_table(one.checks),
        *map(table_figure, one.tables or ()),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _said(one: DrillResult, control: ControlResult) -> Iterator[str]:
    """What the control did, and what could not be run."""
    if one.undecided is not None:
        yield f"Nothing can be told: {one.undecided}."
        return
    broke = ", ".join(control.broke)
    yield f"Control ({control.twin}): " + (
        f"it broke “{broke}”." if broke else "it broke nothing, so the drill shows nothing."
    )
    for whose, error in (("The drill", one.error), ("The control", control.error)):
        if error:
            yield f"{whose} could not be run: {error}."
