"""From the rounds of an experiment to the record of what it found, and from a saved record to its verdict once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..diagnose.gathering import agreed, first_of
from ..diagnose.judge import checked, checked_over, judge
from ..records.figures import Check
from ..records.result import Evidence, ExperimentResult
from .model import Experiment, flowed
from .reading import Reading
from .rounds import Round, counting, judged, marked, medians, typical

_DRIFT = 0.25  # a larger change of speed within a round is told


def result_of(
    experiment: Experiment, rounds: Sequence[Round], *, runtime: str, duration: float, notes: Sequence[str] = ()
) -> ExperimentResult:
    """What the rounds say together; charts and the timeline are those of the most typical one. The first full queue is named
    only by rounds that count."""
    rounds = marked(rounds)
    count = counting(rounds)
    failed = next((one for one in rounds if one.failed), None)
    shown = failed or typical(count or rounds)
    figures = medians(count or rounds)
    checks = judged(experiment.checks, rounds)
    says = shown.trouble if failed or all(value is None for value in figures.values()) else ""
    first, confidence = agreed([first_of(one.collected.loads) for one in count])
    says = says or experiment.finding(Reading(figures, checks))
    return ExperimentResult(
        name=experiment.name,
        title=experiment.title,
        runtime=runtime,
        question=experiment.question,
        prediction=experiment.prediction,
        outcome=judge(checks),
        finding=flowed(says),
        advice=_advice(experiment.advice, checks),
        first_full=first,
        confidence=confidence,
        duration=duration,
        evidence=Evidence(checks=checks, figures=figures, charts=shown.collected.charts, tables=shown.collected.tables),
        failed=failed is not None,
        notes=(*notes, *([] if all(check.exact for check in checks) else _disturbed(rounds))),
        rounds=tuple(dict(one.figures) for one in rounds),
        conditions=tuple(one.conditions for one in rounds),
        timeline=shown.timeline,
    )


def _advice(advice: str, checks: Sequence[Check]) -> str:
    """What to do, by the outcome: advice for a prediction that holds is none where it does not."""
    outcome = judge(checks)
    if outcome == "confirmed":
        return advice
    if outcome == "refuted":
        failed = "; ".join(check.claim for check in checks if check.passed is False)
        first = f"Here the prediction did not hold ({failed}). Find out why before you act on the rest."
    else:
        first = "This run did not decide it. The advice is for where the prediction holds."
    return f"{first}\n\n{advice}"


def _disturbed(rounds: Sequence[Round]) -> list[str]:
    """What a reader should know of the machine: whether others disturbed rounds, and whether its speed changed in one."""
    disturbed = [one.conditions for one in rounds if one.conditions.disturbance != "none"]
    notes = []
    if disturbed:
        counted = sum(one.counted for one in disturbed)
        kept = "none of these counts" if not counted else f"{counted} of these count"
        notes.append(f"Other programs disturbed {len(disturbed)} of {len(rounds)} rounds; {kept}.")
    drift = max((one.conditions.drift or 0.0 for one in rounds), default=0.0)
    if drift > _DRIFT:
        notes.append(f"The speed of the processor changed by up to {drift:.0%} within a round.")
    return notes


def judge_again(result: ExperimentResult) -> ExperimentResult:
    """The same with its verdict made again from its figures.

    A check whose figure is missing in a round that counts keeps its verdict: it may have been infinite, which a results
    file cannot hold. Earlier versions measured once, or saved medians alone; these are compared with the bounds as they are.
    """
    before = result.evidence.checks
    if result.rounds and result.conditions:
        pairs = list(zip(result.rounds, result.conditions, strict=False))
        counted = [one for one, its in pairs if its.counted]
        again = checked_over(before, [one for one, _ in pairs], [its.counted for _, its in pairs])
    else:
        counted, again = [result.evidence.figures], checked(before, result.evidence.figures)
    checks = tuple(
        old if any(one.get(old.figure) is None for one in counted) else new
        for old, new in zip(before, again, strict=True)
    )
    return replace(result, evidence=replace(result.evidence, checks=checks), outcome=judge(checks))
