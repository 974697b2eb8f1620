"""What the doctor said of the lab's own server: its queues on one time axis, and the load at which each began to grow."""

from __future__ import annotations

from trio_lab.records.chart import Table
from trio_lab.records.diagnosis import Diagnosis, Growth
from trio_lab.records.result import Examined
from trio_lab.report.prose import sentence, text
from trio_lab.report.section import over_time, table_figure

_COLUMNS = ("queue", "begins to grow at", "grows by, at the highest load", "service time ÷ that without load")


def examination(found: Examined | None) -> str:
    """The part of the page; empty for a run that did not end with the doctor."""
    if found is None:
        return ""
    said = f"<p>{text(found.failed)}</p>" if found.diagnosis is None else _told(found.diagnosis)
    picture = "" if found.timeline is None else over_time(found.timeline, title="The queues while the load rises")
    table = "" if found.diagnosis is None or not found.diagnosis.queues else table_figure(_growth(found.diagnosis))
    return (
        '<section class="learned" id="doctor" aria-labelledby="doctor-h"><h2 id="doctor-h">Which queue fills first at '
        f"{text(found.path)}</h2>{said}{picture}{table}</section>\n"
    )


def _told(found: Diagnosis) -> str:
    """What to do about it, what would change that, and what could not be seen."""
    parts = [] if found.findings else [f"<p>{text(found.verdict)}</p>"]
    parts += [
        f"<p>{sentence(one.fix.says)} <span class=quiet>{sentence(one.doubt)}</span></p>" for one in found.findings
    ]
    parts += [f'<p class="quiet">Not seen: {text(one)}.</p>' for one in found.blind_to]
    return "".join(parts)


def _growth(found: Diagnosis) -> Table:
    """A row for each queue, the first one first."""
    rows = sorted(
        (one for one in found.queues if one.onset_load is not None), key=lambda queue: queue.name != found.first_full
    )
    still = [f"`{one.name}`" for one in found.queues if one.onset_load is None]
    return Table(
        title="The load at which each queue began to grow",
        columns=_COLUMNS,
        rows=tuple((f"`{one.name}`", _onset(one), f"{one.growth:.3g}/s", one.service_ratio) for one in rows),
        note=f"In brackets the 95 % interval. Not growing: {', '.join(still) or 'none'}.",
    )


def _onset(queue: Growth) -> str:
    between = queue.onset_interval
    interval = "" if between is None else f" ({between[0]:.3g} to {between[1]:.3g})"
    return f"{queue.onset_load or 0.0:.3g}/s{interval}"
