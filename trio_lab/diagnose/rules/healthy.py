"""No queue grows up to the highest load of the ramp."""

from __future__ import annotations

from ..onset import NONE
from ..rule import WATCH, Rule

RULE = Rule(
    id="healthy",
    step=WATCH,
    kinds=(NONE,),
    needs=("grows",),
    holds=lambda signals: not signals.grows and not signals.generator_limited,
    because=lambda _: "no queue grew at any load of the ramp",
    figures=("loop_full", "cpu_full", "long_pass"),
    doubt="A higher load, another route, or an hour of it may show another picture.",
    fix="Nothing to put right; measure again when the load or the code changes.",
    measure="p50",
)
