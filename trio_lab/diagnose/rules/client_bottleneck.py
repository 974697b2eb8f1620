"""The load generator is the limit: nothing grows inside the service, which has time to spare."""

from __future__ import annotations

from ..onset import NONE, UNSEEN
from ..rule import MEASURE, Rule
from ..signals import Signals

_IDLE = 0.7
"""Of a loop, and of the cores: above, the service may be the limit, or keep a generator beside it from running."""


def _holds(signals: Signals) -> bool:
    computes = max(signals.cpu_full or 0.0, signals.jobs_cpu or 0.0) >= _IDLE * (signals.cores or 1.0)
    return signals.generator_limited and (signals.loop_full or 0.0) < _IDLE and not computes


RULE = Rule(
    id="client_bottleneck",
    step=MEASURE,
    kinds=(NONE, UNSEEN),
    holds=_holds,
    because=lambda _: "the load generator could not send what was due, while no queue of the service grew",
    figures=("loop_full", "cpu_full"),
    doubt="Run the load generator on another machine, or with more connections: if the service answers more, this holds.",
    fix="Measure from another machine; the service has not been at its limit yet.",
)
