"""A diagnosis and what is asked of it: the load that the service has to bear, and its objectives at that load."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from ..diagnose.slo import judged
from ..errors import UsageError
from ..records.diagnosis import Diagnosis
from ..records.examination import Examination
from ..records.slo import Estimate, Objective
from .gate import Gate, gate


def doctor_gate(slo: str | None, junit: Path | None, target: float | None) -> Gate | None:
    """The options as a gate; None without any.

    Raises:
        UsageError: what `gate` raises, or nothing is asked for that the file could be about.
    """
    if junit is not None and slo is None and target is None:
        raise UsageError("--junit needs a verdict: say --slo or --target, too")
    return gate(slo, None, junit)


def asked_of(gate: Gate, examination: Examination, found: Diagnosis) -> tuple[Objective, ...]:
    """The target and the objectives, judged."""
    figures = tuple(map(_with_open_end, examination.figures or ()))
    bears = () if examination.target is None else (_bears(examination.target, found),)
    return (*bears, *judged(gate.objectives, figures))


def _bears(target: float, found: Diagnosis) -> Objective:
    low, high = found.saturation_interval or (None, None)
    return Objective(
        claim=f"saturation load > {target:g}/s",
        figure="saturation_load",
        unit="/s",
        relation=">",
        bound=target,
        measured=found.saturation_load,
        low=low,
        high=high,
        passed=found.healthy,
        note="" if found.saturation_load else "nothing saturated",
    )


def _with_open_end(estimate: Estimate) -> Estimate:
    """In a file an infinite end is null."""
    return replace(estimate, high=math.inf) if estimate.low is not None and estimate.high is None else estimate
