"""Unit: alert rules and the dashboard are made from objectives, and use metrics that exist."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from trio_lab.cli.metrics import metrics
from trio_lab.live.metrics.alerts import alerts_of, as_yaml
from trio_lab.live.metrics.catalog import METRICS
from trio_lab.live.metrics.grafana import PANELS, dashboard
from trio_lab.records.slo import FIGURES
from trio_lab.records.slo_text import parse_toml, read_slo

from .test_metrics import needs_promtool

ALL = ",".join(
    f"{name}{'<' if figure.better == 'lower' else '>'}7{figure.unit.removeprefix('/s')}"
    for name, figure in FIGURES.items()
)
_PROMQL = {"sum", "by", "rate", "increase", "max", "histogram_quantile", "avg_over_time", "offset", "le", "queue"}


def known(runtime: str) -> set[str]:
    """Every name that can be asked for."""
    found = set()
    for metric in METRICS:
        name = metric.name_of(runtime)
        found |= {f"{name}_bucket", f"{name}_sum", f"{name}_count"} if metric.kind == "histogram" else {name}
    return found


def names_in(expr: str) -> set[str]:
    bare = re.sub(r'"[^"]*"|\[[^\]]*\]|\{\{.*?\}\}', "", expr)
    bare = re.sub(r"\{[^}]*\}|(by|without) \([^)]*\)", "", bare)
    return set(re.findall(r"[a-z_]{3,}", bare)) - _PROMQL


@pytest.mark.parametrize("runtime", ["trio", "asyncio"])
def test_every_metric_of_the_alerts_and_of_the_dashboard_exists(runtime: str) -> None:
    alerts = alerts_of(read_slo(ALL), runtime)
    targets = [
        target for panel in json.loads(dashboard(read_slo(ALL), runtime))["panels"] for target in panel["targets"]
    ]
    exprs = [alert.expr for alert in alerts] + [target["expr"] for target in targets]
    assert len(exprs) > len(FIGURES) + len(PANELS)
    for expr in exprs:
        assert names_in(expr), expr
        assert names_in(expr) <= known(runtime), expr


def test_a_name_that_does_not_exist_would_be_found() -> None:
    assert names_in('100 * sum by (le) (rate(no_such_thing{queue!="x"}[5m])) offset 1h') == {"no_such_thing"}


def test_every_figure_of_objectives_has_an_alert_that_is_true_when_it_is_missed() -> None:
    alerts = {alert.name: alert for alert in alerts_of(read_slo(ALL), "trio")}
    for name, figure in FIGURES.items():
        alert = alerts["Slo" + "".join(part.capitalize() for part in name.split("_"))]
        assert re.search(rf" {'>=' if figure.better == 'lower' else '<='} 7$", alert.expr), alert.expr


def test_figures_of_experiments_are_left_out() -> None:
    objectives = parse_toml('memory = "< 70%"\n[blocked-loop]\nhealth_p99_pool_ms = "< 50"\n')
    assert [alert.name for alert in alerts_of(objectives, "trio") if alert.name.startswith("Slo")] == ["SloMemory"]


def test_a_target_is_a_line_on_its_chart_in_the_unit_of_the_chart() -> None:
    panels = {panel["title"]: panel for panel in json.loads(dashboard(read_slo("p99<200ms"), "trio"))["panels"]}
    lines = {title: panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1:] for title, panel in panels.items()}
    assert {title: steps for title, steps in lines.items() if steps} == {"Latency": [{"color": "red", "value": 0.2}]}
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels.values()]
    assert len(set(places)) == len(panels)


@needs_promtool
@pytest.mark.parametrize("runtime", ["trio", "asyncio"])
def test_promtool_accepts_the_rules_and_every_query(runtime: str, tmp_path: Path) -> None:
    exprs = [
        {"alert": f"Panel{number}", "expr": target["expr"]}
        for number, panel in enumerate(json.loads(dashboard((), runtime))["panels"])
        for target in panel["targets"]
    ]
    (tmp_path / "rules.yml").write_text(as_yaml(alerts_of(read_slo(ALL), runtime)))
    (tmp_path / "panels.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": exprs}]}))
    for file in ("rules.yml", "panels.yml"):
        done = subprocess.run(
            ["promtool", "check", "rules", str(tmp_path / file)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize(("causes", "alert"), [(("python",), False), (("python", "c call"), True)])
def test_a_loop_counts_as_blocked_whatever_the_causes_are(causes: tuple[str, ...], alert: bool, tmp_path: Path) -> None:
    """Each of them blocks it for 4 s a minute."""
    stalled = [
        {"series": f'trio_eventloop_stalled_seconds_total{{job="a", cause="{cause}"}}', "values": "0+1x20"}
        for cause in causes
    ]
    [rule] = [rule for rule in alerts_of((), "trio") if rule.name == "LoopBlocked"]
    told = [{"exp_labels": {"job": "a"}, "exp_annotations": {"summary": rule.says}}] if alert else []
    case = {"eval_time": "4m", "alertname": rule.name, "exp_alerts": told}
    tests = [{"interval": "15s", "input_series": stalled, "alert_rule_test": [case]}]
    (tmp_path / "rules.yml").write_text(as_yaml([rule]))
    (tmp_path / "tests.yml").write_text(json.dumps({"rule_files": ["rules.yml"], "tests": tests}))
    command = ["promtool", "test", "rules", str(tmp_path / "tests.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_is_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
        assert f"| `{metric.name_of('trio')}` | {metric.kind} | {labels} | {metric.says} |" in page


def test_the_command_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    metrics("alerts", slo="p99<200ms")
    assert "histogram_quantile(0.99" in capsys.readouterr().out
    metrics("dashboard", runtime="asyncio")
    assert "asyncio_eventloop_tasks" in capsys.readouterr().out
    metrics()
    out = capsys.readouterr().out
    assert all(metric.name_of("trio") in out for metric in METRICS)
