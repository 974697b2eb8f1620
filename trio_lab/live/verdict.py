"""What the doctor's rules say of the last seconds of a running service.

The doctor's own examination compares loads that it makes. Here there is no load of ours, so figures that need one are missing,
and rules that need those cannot tell. The others decide by the same figures as in an examination: the recent looks stand for
its calm and its full load.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..diagnose.onset import NONE
from ..diagnose.prescribe import prescribe
from ..diagnose.reading_signals import signals
from ..diagnose.rows import JOBS
from ..diagnose.signals import Signals, kind_of
from ..records.diagnosis import Finding
from ..records.examination import Examination, Piece, Sighting, Step
from ..records.live import LiveVerdict
from .holding_up import cause_of

_LEAST = 4  # looks


def verdict(looks: Sequence[Sighting], first: str | None) -> LiveVerdict | None:
    """The verdict on these looks, in the order of time; ``first`` is what holds requests up now. None for too few looks."""
    if len(looks) < _LEAST:
        return None
    seconds = looks[-1].at - looks[0].at
    findings, _, _ = prescribe(_signals(looks, seconds, first))
    said = tuple(_without_load(one) for one in findings if one.id != "healthy")
    return LiveVerdict(seconds=seconds, verdict=_sentence(first, said), first_full=first, findings=said)


def _signals(looks: Sequence[Sighting], seconds: float, first: str | None) -> Signals:
    began = looks[0].at
    seen = tuple(replace(look, at=look.at - began) for look in looks)
    calm = Step(part="calm", duration=seconds, sightings=seen)
    answered = tuple(Piece(at=float(second), ok=1, failed=0) for second in range(int(seconds) + 1))
    # Which queue fills is told below, and not asked.
    full = replace(calm, part="ramp", nominal=1.0, rate=1.0, pieces=answered)
    found = signals(Examination(url="", probe="", budget=seconds, steps=(calm, full)))
    name = first or NONE
    queue = next((queue for queue in looks[-1].health.queues if queue.name == name), None)
    return replace(
        found,
        first=name,
        kind=kind_of(name),
        service_ratio=None,
        capacity=queue.capacity if queue else None,
        bounded=None if queue is None or queue.waiting is None else queue.max_waiting is not None,
        waiting_full=float(queue.waiting) if queue and queue.waiting is not None else None,
        saturation=None,
        decline=None,
        failed_share=None,
        grows=first is not None,
    )


def _without_load(finding: Finding) -> Finding:
    """Of the doctor's calm load there is nothing to say here."""
    return replace(finding, because=finding.because.replace(" at a third of the load", ""))


def _sentence(first: str | None, findings: Sequence[Finding]) -> str:
    because = f": {findings[0].because}" if findings else ""
    if first is None:
        return f"No queue holds requests up{because}."
    if first == JOBS:
        return f"Background jobs wait, and no queue holds requests up{because}."
    return f"Requests are held up ({cause_of(first)}){because or ': no rule explains why'}."
