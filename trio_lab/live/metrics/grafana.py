"""A dashboard for Grafana, as JSON: the same figures as the objectives, with their targets as thresholds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ...records.slo import Objective
from .metric import RUNTIME
from .of_requests import ERROR, LEFT, OK, ROUTE, SHED
from .queries import WINDOW, ended, latency, loop_delay

_WIDE, _HIGH, _ACROSS = 12, 8, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A chart. ``curves`` are queries with what each is called; ``judged`` names the figure of objectives that it shows, whose
    targets are divided by ``per`` to be in its unit."""

    title: str
    unit: str
    curves: Sequence[tuple[str, str]]
    judged: str = ""
    per: float = 1.0


def _of_queue(metric: str) -> str:
    return f"trio_lab_queue_{metric}"


PANELS = (
    Panel(
        title="Latency",
        unit="s",
        curves=[(latency(0.5), "p50"), (latency(0.99), "p99")],
        judged="p99",
        per=1e3,
    ),
    Panel(title="Latency p99 by route", unit="s", curves=[(latency(0.99, f", {ROUTE}"), f"{{{{{ROUTE}}}}}")]),
    Panel(title="Requests", unit="reqps", curves=[(ended(outcome), outcome) for outcome in (OK, SHED, LEFT, ERROR)]),
    Panel(
        title="Loop delay",
        unit="s",
        curves=[(loop_delay(0.5), "p50"), (loop_delay(0.99), "p99")],
        judged="loop_delay_p99",
        per=1e3,
    ),
    Panel(
        title="Loop busy",
        unit="percentunit",
        curves=[(f'rate({RUNTIME}_eventloop_time_seconds_total{{state="active"}}[{WINDOW}])', "loop")],
    ),
    Panel(
        title="Stalls",
        unit="s",
        curves=[(f"rate({RUNTIME}_eventloop_stalled_seconds_total[{WINDOW}])", "{{cause}}")],
    ),
    Panel(title="Waiting", unit="short", curves=[(_of_queue("waiting"), "{{queue}}")]),
    Panel(
        title="Wait p99",
        unit="s",
        curves=[
            (
                f"histogram_quantile(0.99, sum by (le, queue) (rate({_of_queue('wait_seconds')}_bucket[{WINDOW}])))",
                "{{queue}}",
            )
        ],
    ),
    Panel(
        title="Places taken",
        unit="percentunit",
        curves=[(f"{_of_queue('in_service')} / {_of_queue('capacity')}", "{{queue}}")],
        judged="pool",
        per=1e2,
    ),
    Panel(
        title="Memory",
        unit="percentunit",
        curves=[("trio_lab_memory_bytes / trio_lab_memory_limit_bytes", "of the limit")],
        judged="memory",
        per=1e2,
    ),
    Panel(
        title="CPU",
        unit="percentunit",
        curves=[
            (f"rate(process_cpu_seconds_total[{WINDOW}])", "process"),
            (f"rate(trio_lab_children_cpu_seconds_total[{WINDOW}])", "children"),
            (f"rate({RUNTIME}_eventloop_cpu_seconds_total[{WINDOW}])", "loop"),
            (f"rate(python_gc_seconds_total[{WINDOW}])", "garbage"),
        ],
    ),
    Panel(
        title="Descriptors and tasks",
        unit="short",
        curves=[("process_open_fds", "descriptors"), (f"{RUNTIME}_eventloop_tasks", "tasks")],
    ),
)


def dashboard(objectives: Iterable[Objective], runtime: str) -> str:
    """JSON to import. The data source is chosen on the dashboard."""
    bounds = {one.figure: one.bound for one in objectives}
    source = {"type": "prometheus", "uid": "${source}"}
    variable = {"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"}
    panels = [_panel(number, panel, bounds.get(panel.judged), source, runtime) for number, panel in enumerate(PANELS)]
    whole = {
        "title": f"trio_lab: a service on {runtime}",
        "uid": f"trio-lab-{runtime}",
        "schemaVersion": 39,
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "templating": {"list": [variable]},
        "panels": panels,
    }
    return json.dumps(whole, indent=2) + "\n"


def _panel(number: int, panel: Panel, bound: float | None, source: dict[str, str], runtime: str) -> dict[str, Any]:
    row, column = divmod(number * _WIDE, _ACROSS)
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if bound is not None:
        steps.append({"color": "red", "value": bound / panel.per})
    lines = {"thresholdsStyle": {"mode": "off" if bound is None else "line"}}
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": source,
        "gridPos": {"h": _HIGH, "w": _WIDE, "x": column, "y": row * _HIGH},
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}, "custom": lines},
            "overrides": [],
        },
        "targets": [
            {"refId": chr(ord("A") + at), "expr": expr.replace(RUNTIME, runtime), "legendFormat": name}
            for at, (expr, name) in enumerate(panel.curves)
        ],
    }
