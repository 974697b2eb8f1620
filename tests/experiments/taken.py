"""What the tests of experiments need: rounds as if a case had measured them."""

from __future__ import annotations

from trio_lab.experiments.model import Collected
from trio_lab.experiments.rounds import Round
from trio_lab.records.conditions import Conditions, Disturbance
from trio_lab.records.figures import Figures
from trio_lab.records.result import Evidence, ExperimentResult


class QuietMachine:
    """Nobody else is there while we measure."""

    def __init__(self, *, speed: bool = False) -> None:
        pass

    def conditions(self) -> Conditions:
        return Conditions()


def taken(figures: Figures, disturbance: Disturbance = "none", *, failed: bool = False) -> Round:
    """One round with these figures."""
    collected = Collected(figures=figures, charts=())
    return Round(collected=collected, conditions=Conditions(disturbance=disturbance), failed=failed)


def confirmed(
    name: str, evidence: Evidence, rounds: tuple[Figures, ...], conditions: tuple[Conditions, ...]
) -> ExperimentResult:
    """An experiment on Trio as it is saved, without words."""
    return ExperimentResult(
        name=name,
        title="",
        runtime="trio",
        question="",
        prediction="",
        outcome="confirmed",
        finding="",
        advice="",
        first_full=None,
        duration=1.0,
        evidence=evidence,
        rounds=rounds,
        conditions=conditions,
    )
