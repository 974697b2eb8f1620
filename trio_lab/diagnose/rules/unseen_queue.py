"""Callers gather where nothing is seen: at a lock, at a pool that says nothing, behind a call."""

from __future__ import annotations

from ..onset import UNSEEN
from ..rule import MEASURE, Rule

RULE = Rule(
    id="unseen_queue",
    step=MEASURE,
    kinds=(UNSEEN,),
    holds=lambda signals: not signals.generator_limited,
    because=lambda _: "requests wait inside the service, and no queue that can be seen accounts for them",
    figures=("saturation", "concurrency", "service_time", "probe_ratio", "loop_full", "cpu_full"),
    doubt="If the service answers /health of trio_lab, or is started by the doctor, the queue has a name.",
    fix='Make it visible: put the suspected call behind a Bulkhead, or inside `async with trio_lab.outward("name")`.',
)
