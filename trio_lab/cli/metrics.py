"""`trio-lab metrics`."""

from __future__ import annotations

from typing import Literal

from rich.table import Table
from rich.text import Text

from ..live.metrics.alerts import alerts_of, as_yaml
from ..live.metrics.catalog import METRICS
from ..live.metrics.grafana import dashboard
from ..records.slo_text import read_slo
from .console import output


def metrics(
    what: Literal["list", "alerts", "dashboard"] = "list",
    /,
    *,
    slo: str = "defaults",
    runtime: Literal["trio", "asyncio"] = "trio",
) -> None:
    """List the metrics of a service, or print what is made for them from your objectives.

    Parameters
    ----------
    what
        list: every metric of /metrics. alerts: rules for Prometheus, as YAML. dashboard: a dashboard for Grafana, as JSON.
    slo
        The objectives: a file (slo.toml), or a line such as p99<200ms,ok>99%; "defaults" are the usual targets.
    runtime
        What the service is written for: the metrics of its loop are named after it.
    """
    objectives = read_slo(slo)
    if what == "alerts":
        print(as_yaml(alerts_of(objectives, runtime)), end="")
    elif what == "dashboard":
        print(dashboard(objectives, runtime), end="")
    else:
        _list(runtime)


def _list(runtime: str) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("metric", "type", "labels", "what it says"):
        table.add_column(column)
    for metric in METRICS:
        table.add_row(*map(Text, (metric.name_of(runtime), metric.kind, ", ".join(metric.labels), metric.says)))
    output().print(table)
