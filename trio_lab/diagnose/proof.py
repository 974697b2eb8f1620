"""From a trial to a sentence: the change helps, makes it worse, or does neither.

It has no effect if the whole interval lies within what nobody would notice, and it could not be told if the interval is wider
than that and holds 1. So few pairs never read as "no effect".
"""

from __future__ import annotations

from statistics import median

from ..records.proof import Measure, Outcome, Proof, Trial
from .paired import Effect, effect, looks

BUDGET: dict[Measure, float] = {"throughput": 64.0, "p50": 32.0, "beside_p50": 32.0}
"""Seconds of measuring, at most."""
_NOTICED: dict[Measure, float] = {"throughput": 0.1, "p50": 0.05, "beside_p50": 0.05}
"""Changes that are smaller than this are called none, if the interval says that they are."""
# By how much two starts of one program may differ. Replies per second depend more on which core a program gets.
_STARTS: dict[Measure, float] = {"throughput": 0.01, "p50": 0.005, "beside_p50": 0.005}
_OFTEN = 0.5  # of the pairs were disturbed: then a reader should know
_CALLED: dict[Measure, str] = {
    "throughput": "throughput at saturation",
    "p50": "median latency at a fixed rate",
    "beside_p50": "median latency of the cheap path beside a full service",
}

_VERDICTS: dict[Outcome, str] = {
    "helps": "{} helps",
    "worse": "{} makes it worse",
    "no effect": "{} has no effect",
    "undecided": "Whether {} helps could not be told",
    "not tried": "{} could not be tried",
}


def effect_of(trial: Trial) -> Effect | None:
    """The effect in the pairs so far; None if there are none."""
    return effect(trial.pairs, looks=trial.looks, starts=0.0 if trial.restarted else _STARTS[trial.measure])


def outcome_of(found: Effect | None, measure: Measure) -> Outcome:
    """What the interval says so far."""
    if found is None or found.interval is None:
        return "undecided"
    low, high = found.interval
    if low > 1 or high < 1:
        return "helps" if (low > 1) == (measure == "throughput") else "worse"
    noticed = 1 + _NOTICED[measure]
    return "no effect" if low > 1 / noticed and high < noticed else "undecided"


def decided(trial: Trial, most: int) -> bool:
    """Whether a trial of at most so many pairs is over: a look is due, and its interval decides."""
    count = len(trial.pairs)
    return count >= most or (count in looks(most) and outcome_of(effect_of(trial), trial.measure) != "undecided")


def prove(trial: Trial) -> Proof:
    """What came of the trial."""
    found = effect_of(trial)
    outcome = _outcome(trial, found)
    scale = 1.0 if trial.measure == "throughput" else 1e3
    return Proof(
        outcome=outcome,
        says=_says(trial, found, outcome),
        variables=trial.variables,
        path=trial.path,
        measure=trial.measure,
        effect=found.ratio if found else None,
        interval=found.interval if found else None,
        before=median(before for before, _ in trial.pairs) * scale if trial.pairs else None,
        after=median(after for _, after in trial.pairs) * scale if trial.pairs else None,
        pairs=len(trial.pairs),
    )


def _outcome(trial: Trial, found: Effect | None) -> Outcome:
    if trial.broke:
        return "worse"
    return outcome_of(found, trial.measure) if found else "not tried"


def changed(trial: Trial | Proof) -> str:
    """The change in a few words: ``THREADS=8``, or the path that was asked for instead."""
    words = [f"{name}={value}" for name, value in trial.variables.items()]
    return ", ".join([*words, *([] if trial.path is None else [f"path {trial.path}"])]) or "no change"


def _says(trial: Trial, found: Effect | None, outcome: Outcome) -> str:
    if found is None or trial.broke:
        some = trial.variables or trial.path
        what = _VERDICTS[outcome].format(changed(trial)) if some else "Nothing could be tried"
        return f"{what}: {trial.stopped or 'nothing was measured'}"
    ended = f"; it ended early: {trial.stopped}" if trial.stopped else ""
    verdict = _VERDICTS[outcome].format(changed(trial))
    if found.interval is None:
        return f"{verdict}: {len(trial.pairs)} pairs are too few{ended}"
    low, high = found.interval
    figure = f"{_CALLED[trial.measure]} {found.ratio:.3g} × (95 %: {low:.3g} to {high:.3g}, {len(trial.pairs)} pairs)"
    return f"{verdict}: {figure}{_ruled_out(trial, outcome, low, high)}{_disturbed(trial)}{ended}"


def _disturbed(trial: Trial) -> str:
    count = len(trial.pairs)
    return f"; other programs used the CPU in {trial.disturbed} of them" if trial.disturbed > _OFTEN * count else ""


def _ruled_out(trial: Trial, outcome: Outcome, low: float, high: float) -> str:
    """That a gain is ruled out is known even where a loss is not."""
    noticed = 1 + _NOTICED[trial.measure]
    gain = high < noticed if trial.measure == "throughput" else low > 1 / noticed
    return f"; a gain of {noticed - 1:.0%} is ruled out" if outcome == "undecided" and gain else ""
