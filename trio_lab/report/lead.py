"""What a reader learns first: one sentence of each experiment, the strongest finding first.

A finding is as strong as its clearest check: how many times the measured figure is beyond its bound. Only what is decided
is told; the rest is counted.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from trio_lab.records.figures import Check
from trio_lab.records.result import ExperimentResult


def strongest(experiments: Sequence[ExperimentResult]) -> list[ExperimentResult]:
    """The experiments with an outcome, the strongest first."""
    decided = [one for one in experiments if one.outcome in ("confirmed", "refuted") and one.finding]
    return sorted(decided, key=_strength, reverse=True)


def _strength(experiment: ExperimentResult) -> float:
    return max(map(_beyond, experiment.evidence.checks), default=0.0)


def _beyond(check: Check) -> float:
    """How many times a figure is over its bound, or under it; 1 at the bound, 0 for what cannot be compared."""
    measured, bound = check.measured, check.bound
    if measured is None or not math.isfinite(measured) or measured <= 0 or bound <= 0:
        return 0.0
    return max(measured / bound, bound / measured)


def first_sentence(finding: str) -> str:
    """The finding up to the first full stop that ends a sentence."""
    return re.split(r"(?<=[.!?])\s+(?=[A-Z/0-9`])", finding.strip(), maxsplit=1)[0]


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
