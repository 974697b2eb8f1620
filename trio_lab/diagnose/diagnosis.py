"""From an examination to a diagnosis: the saturation load, the queue that fills first, the findings, and one sentence."""

from __future__ import annotations

import math

from ..records.diagnosis import Diagnosis, Finding
from ..records.examination import Examination
from .alone import concurrency
from .mean_interval import LEAST
from .onset import NONE, UNSEEN, First, first_to_fill
from .prescribe import prescribe
from .reading_signals import signals
from .rules.cpu_taken import RULE as CPU_TAKEN
from .saturation import Saturation, last_rounds, more_seconds, saturation
from .signals import LOOP, Signals, kind_of

_ROUND = 27.0  # replies, at the rate of the calm step: 20 in each of four steps at about three times that rate
_OFTEN = 0.5  # of the steps of the ramp
WANTED = 0.05  # half the width of the interval that is narrow enough, as a share of the load


def diagnose(examination: Examination) -> Diagnosis:
    """The diagnosis of an examined service. Missing figures are None, and ``blind_to`` lists them."""
    found = saturation(examination.steps, concurrency=concurrency(examination))
    first, seen = first_to_fill(examination), signals(examination)
    findings, later, blind = prescribe(seen)
    if not _ramped(found, seen):
        blind = ()  # all of it, for one reason, which the verdict tells
    growth = first.growth()
    healthy = _healthy(examination, found, grows=first.name != NONE)
    if healthy is False and any(one.id == CPU_TAKEN.id for one in findings):
        healthy = None  # without its cores it bears less than it could
    return Diagnosis(
        healthy=healthy,
        verdict=_verdict(examination, found, seen, findings),
        first_full=_first_full(first, seen),
        onset_load=growth.onset_load if growth else None,
        onset_interval=growth.onset_interval if growth else None,
        saturation_load=found.load if found else None,
        saturation_interval=found.interval if found else None,
        confidence=first.confidence,
        service_time=seen.service_time,
        concurrency=seen.concurrency,
        decline=seen.decline,
        seconds_needed=_seconds_needed(examination, found, first),
        blind_to=(*examination.blind, *blind, *_disturbed(examination)),
        findings=findings,
        later=later,
        queues=first.queues,
    )


def _ramped(found: Saturation | None, seen: Signals) -> bool:
    """Whether the ramp has a round that tells something."""
    return found is not None or seen.grows is not None


def _disturbed(examination: Examination) -> tuple[str, ...]:
    """A sentence if other programs disturbed most of the ramp, or what there is of it, so that its figures may be theirs."""
    steps = list(examination.of("ramp")) or examination.steps
    share = sum(not step.clean for step in steps) / len(steps) if steps else 0.0
    if share <= _OFTEN:
        return ()
    return (f"what the service does on a quiet machine: other programs used the CPU in {share:.0%} of the steps",)


def _first_full(first: First, seen: Signals) -> str | None:
    """From outside only the run queue can be told from the others."""
    if first.name is None:
        return seen.first if seen.kind == LOOP else None
    return None if first.name == UNSEEN else first.name


def _healthy(examination: Examination, found: Saturation | None, *, grows: bool) -> bool | None:
    target = examination.target
    if target is None or examination.stopped is not None or (found is None and grows):
        return None
    if found is not None and found.interval is None:
        return None
    low, high = found.interval if found and found.interval else (highest_rate(examination), math.inf)
    if target <= low:
        return True
    return False if target > high else None


def highest_rate(examination: Examination) -> float:
    """The highest rate of the last whole rounds."""
    return max((step.rate or 0.0 for one in last_rounds(examination.steps)[-1:] for step in one.values()), default=0.0)


def _seconds_needed(examination: Examination, found: Saturation | None, first: First) -> float | None:
    """None if the interval is narrow enough, or if nothing saturated."""
    spent = sum(step.duration for step in examination.of("ramp"))
    if found is None:
        asked = max((step.rate or 0.0 for step in examination.of("calm")), default=0.0)
        undecided = first.name != NONE
        return max(spent, LEAST * _ROUND / asked) if asked and undecided else None
    more = more_seconds(found, spent, wanted=WANTED)
    return more if more > 0 else None


def _verdict(examination: Examination, found: Saturation | None, seen: Signals, findings: tuple[Finding, ...]) -> str:
    if examination.stopped is not None:
        return f"The examination ended early: {examination.stopped}."
    if not _ramped(found, seen):
        return "The ramp has no whole round, so nothing can be said."
    below = "up to" if seen.first == NONE else "somewhere below"
    load = f"{below} {highest_rate(examination):.0f}/s" if found is None else _load(found)
    if seen.first == NONE:
        where = f"No queue grows {load}"
    elif seen.kind == LOOP:
        where = f"The run queue fills first, {load}"
    elif seen.first is None or kind_of(seen.first) == UNSEEN:
        where = f"It answers {load}; the queue that fills first cannot be seen"
    else:
        where = f"{seen.first} fills first, {load}"
    why = findings[0].because if findings else "no rule explains why"
    return f"{where}: {why}."


def _load(found: Saturation) -> str:
    if (half := found.half_width) is None:
        return f"at {found.load:.4g}/s"
    return f"at {found.load:.4g}/s ± {half:.0%}"
