"""What a reader learns first: one sentence of each experiment, the strongest finding first.

A finding is as strong as its clearest check: how many times the measured figure is beyond its bound. Only what is decided
is told as found; what is undecided comes after it, and says so. One picture shows the queues of the strongest finding that
has one, over time.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from trio_lab.records.diagnosis import Diagnosis
from trio_lab.records.figures import Check
from trio_lab.records.result import ExperimentResult, Results
from trio_lab.report.prose import sentence, text
from trio_lab.report.section import anchor, mark, over_time, shows_what_counts
from trio_lab.report.timeline import DEPTH, fills_first, timeline_charts

_AT_ONCE = 5  # findings; the others are folded
_MOST = 100.0  # times: a figure of zero, and any that is farther from its bound, is this far from it
_FIGURE = re.compile(r"(?<![\w./-])\d[\d.,]*")


def headline(run: Results) -> str:
    """What the doctor said; without it the strongest finding, or how many predictions held."""
    if (said := _doctors(run)) is not None:
        return said.verdict.removesuffix(".")
    found = strongest(run.experiments)
    return told(found[0].finding) if found else held(run.experiments)


def source(run: Results) -> str:
    """A link to the experiment that found it, if one did."""
    if run.doctor is not None and _doctors(run) is not None:
        return f' · the doctor on <a href="#doctor">{text(run.doctor.path)}</a> of the lab’s own server'
    found = strongest(run.experiments)
    return f" · strongest finding: {_link(run.experiments, found[0])}" if found else ""


def _doctors(run: Results) -> Diagnosis | None:
    """What the doctor said, if it could tell anything."""
    said = run.doctor.diagnosis if run.doctor else None
    return said if said is not None and said.findings else None


def learned(run: Results) -> str:
    """A sentence of each experiment but the headline, and the queues over time if the doctor has not shown some."""
    experiments = run.experiments
    found, open_ = strongest(experiments), _undecided(experiments)
    doctors = _doctors(run) is not None
    items = [_item(experiments, one) for one in [*found[0 if doctors else 1 :], *open_]]
    more = len(items) - _AT_ONCE
    few = f"<ol>{''.join(items[:_AT_ONCE])}</ol>" if items else ""
    rest = f"<ol>{''.join(items[_AT_ONCE:])}</ol>"
    rest = f"<details><summary>{more} more</summary>{rest}</details>" if more > 0 else ""
    picture = "" if doctors else _picture([*found, *open_])
    if not items and not picture:
        return ""
    return (
        '<section class="learned" id="learned" aria-labelledby="learned-h"><h2 id="learned-h">What we learned about queues'
        f'</h2><div class="beside"><div>{few}{rest}</div>{picture}</div></section>\n'
    )


def _item(experiments: Sequence[ExperimentResult], one: ExperimentResult) -> str:
    said = sentence(told(one.finding))
    return f"<li>{mark(one.outcome)} {said} {_link(experiments, one)}</li>"


def _link(experiments: Sequence[ExperimentResult], one: ExperimentResult) -> str:
    number = next(n for n, other in enumerate(experiments, 1) if other is one)
    return f'<a href="#{anchor(number, one)}">{text(one.name)}</a>'


def _picture(experiments: Sequence[ExperimentResult]) -> str:
    """The queues of the first experiment of which one filled, or else of the first where callers waited: in rounds that count,
    if there are any."""
    timed = [(one, one.timeline) for one in experiments if one.timeline is not None]
    waited = [(one, seen) for one, seen in timed if any(chart.title == DEPTH for chart in timeline_charts(seen))]
    if not waited:
        return ""
    shown, seen = max(waited, key=lambda pair: (shows_what_counts(pair[0]), fills_first(pair[1]) is not None))
    return over_time(seen, title=f"{shown.title}: its queues over time", counts=shows_what_counts(shown))


def strongest(experiments: Sequence[ExperimentResult]) -> list[ExperimentResult]:
    """The experiments with an outcome, the strongest first."""
    decided = [one for one in experiments if one.outcome in ("confirmed", "refuted") and one.finding]
    return sorted(decided, key=_strength, reverse=True)


def _undecided(experiments: Sequence[ExperimentResult]) -> list[ExperimentResult]:
    found = [one for one in experiments if one.outcome == "undecided" and one.finding and not one.failed]
    return sorted(found, key=_strength, reverse=True)


def _strength(experiment: ExperimentResult) -> float:
    return max(map(_beyond, experiment.evidence.checks), default=0.0)


def _beyond(check: Check) -> float:
    """How many times a figure is over its bound, or under it; 1 at the bound, 0 for what cannot be compared: a count says
    nothing by its distance from a bound."""
    measured, bound = check.measured, check.bound
    if measured is None or not math.isfinite(measured) or measured < 0 or bound <= 0 or not check.unit:
        return 0.0
    return min(max(measured / bound, bound / measured), _MOST) if measured else _MOST


def told(finding: str) -> str:
    """The finding up to the first sentence that compares something, which has two figures; without one its first sentence."""
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z/0-9`])", finding.strip())
    last = next((n for n, one in enumerate(sentences) if len(_FIGURE.findall(one)) > 1), 0)
    return " ".join(sentences[: last + 1])


def held(experiments: Sequence[ExperimentResult]) -> str:
    """``4 of 6 predictions held, 1 was refuted, 1 is undecided.``"""
    count = Counter(experiment.outcome for experiment in experiments)
    total, refuted, undecided = count.total(), count["refuted"], count["undecided"]
    said = [f"{count['confirmed']} of {total} prediction{'s' if total != 1 else ''} held"]
    if refuted:
        said.append(f"{refuted} {'was' if refuted == 1 else 'were'} refuted")
    if undecided:
        said.append(f"{undecided} {'is' if undecided == 1 else 'are'} undecided")
    return ", ".join(said) + "."


def uncounted(experiments: Sequence[ExperimentResult]) -> str:
    """Why much may be undecided: the rounds that other programs disturbed and that do not count, if any. Exact claims are
    settled by every round."""
    inexact = (one for one in experiments if not all(check.exact for check in one.evidence.checks))
    conditions = [one for experiment in inexact for one in experiment.conditions or ()]
    lost = sum(not one.counted for one in conditions)
    if not lost:
        return ""
    advice = " Run it again when the machine is quieter." if lost > len(conditions) / 2 else ""
    return f" Other programs disturbed {lost} of {len(conditions)} rounds so much that they do not count.{advice}"
