"""Alert rules for Prometheus, as YAML: one for each objective of an SLO file, and those that every service needs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...records.slo import FIGURES, Objective
from .metric import RUNTIME
from .queries import WINDOW, missed


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """``lasts`` is how long ``expr`` must be true."""

    name: str
    expr: str
    says: str
    lasts: str = WINDOW


_ALWAYS = (
    Alert(
        name="LoopBlocked",
        expr=f'sum without (cause) (increase({RUNTIME}_eventloop_stalled_seconds_total{{cause!="not running"}}[1m])) > 6',
        says="The event loop is blocked for more than a tenth of the time; /stalls names the lines.",
        lasts="1m",
    ),
    Alert(
        name="QueueTurnsAway",
        expr='sum by (queue) (rate(trio_lab_queue_callers_total{outcome=~"rejected|timed_out"}[1m])) > 0',
        says="{{ $labels.queue }} is full and refuses callers.",
    ),
    Alert(
        name="WorkersDie",
        expr="increase(trio_lab_worker_restarts_total[5m]) > 5",
        says="Workers die and are replaced again and again.",
        lasts="1m",
    ),
    Alert(
        name="WatchBlind",
        expr=f"{RUNTIME}_eventloop_blind > 0",
        says="Not every pass of the loop is seen: its figures cannot be trusted.",
        lasts="1m",
    ),
)


def alerts_of(objectives: Iterable[Objective], runtime: str) -> list[Alert]:
    """The alerts of the objectives, but of those of experiments, and those of every service."""
    found = []
    for one in objectives:
        if (expr := missed(one, runtime)) is not None:
            name = "Slo" + "".join(part.capitalize() for part in one.figure.split("_"))
            found.append(Alert(name=name, expr=expr, says=f"Not met: {one.claim} ({FIGURES[one.figure].says})."))
    return [*found, *(_for(runtime, one) for one in _ALWAYS)]


def _for(runtime: str, alert: Alert) -> Alert:
    return Alert(name=alert.name, expr=alert.expr.replace(RUNTIME, runtime), says=alert.says, lasts=alert.lasts)


def as_yaml(alerts: Iterable[Alert]) -> str:
    """A file of rules. A string of JSON is one of YAML, too."""
    return "\n".join(_lines(alerts)) + "\n"


def _lines(alerts: Iterable[Alert]) -> Iterator[str]:
    yield from ("groups:", "  - name: trio_lab", "    rules:")
    for alert in alerts:
        yield f"      - alert: {alert.name}"
        yield f"        expr: {json.dumps(alert.expr)}"
        yield f"        for: {alert.lasts}"
        yield "        annotations:"
        yield f"          summary: {json.dumps(alert.says)}"
