"""A diagnosis and what is asked of it: the load that the service has to bear, and its objectives at that load."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from ..diagnose.slo import judged
from ..errors import UsageError
from ..records.diagnosis import Diagnosis
from ..records.examination import Examination
from ..records.slo import FIGURES, Estimate, Objective
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
    bears = () if examination.target is None else (_bears(examination.target, found),)
    return (*bears, *judged(gate.objectives, _figures(gate, examination)))


def _figures(gate: Gate, examination: Examination) -> tuple[Estimate, ...]:
    """Those of the load that was held. Where it was not held, or at another load than the one that is asked for, every figure
    is there without a value: a promise that was not looked at is not kept."""
    held, target = examination.held, examination.target
    if examination.figures is not None and (target is None or held == target):
        return tuple(map(_with_open_end, examination.figures))
    note = "not measured in this examination" if held is None else f"measured at {held:g}/s, not at {target:g}/s"
    wanted = dict.fromkeys(one.figure for one in gate.objectives if one.figure in FIGURES)
    return tuple(Estimate(figure=name, unit=FIGURES[name].unit, note=note) for name in wanted)


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
