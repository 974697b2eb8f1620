"""Unit: what a service tells, as metrics. prometheus-client's own parser reads them; promtool checks them where it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import fields, replace
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as text_format

from trio_lab.errors import UsageError
from trio_lab.http.requests import Requests
from trio_lab.live.metrics.catalog import METRICS
from trio_lab.live.metrics.exposition import NEEDED, exposition
from trio_lab.live.metrics.metric import Seen
from trio_lab.records.summary import BOUNDS

from .seen import PASSES, WAITED, health, pool, seen

OPEN = "application/openmetrics-text; version=1.0.0"
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)"
)


def exposed(told: Seen, accept: str = "") -> str:
    return exposition(lambda: told, accept)[0].decode()


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_format(text)
        for sample in family.samples
    }


def value(text: str, name: str, **labels: str) -> float:
    return samples(text)[name, frozenset(labels.items())]


def of_queue(text: str, name: str, queue: str) -> float | None:
    """The state of a queue; None if it is not exposed."""
    return samples(text).get((name, frozenset({("queue", queue)})))


def test_every_metric_is_exposed_with_its_name_its_type_and_its_help() -> None:
    families = {family.name: family for family in text_format(exposed(seen()))}
    for metric in METRICS:
        if metric.name in NOT_TOLD:
            continue
        family = families[metric.name_of("trio").removesuffix("_total" if metric.kind == "counter" else "")]
        assert (family.type, family.documentation) == (metric.kind, metric.says)
        assert family.samples


NOT_TOLD = {f"trio_lab_{name}_seconds_total" for name in ("run_delay", "throttled", "stolen")} | {
    "{runtime}_eventloop_run_delay_seconds_total",
    "process_resident_memory_bytes",
}
"""What the service of these tests has not observed."""


def test_what_is_not_observed_is_not_exposed() -> None:
    text = exposed(seen())
    for name in NOT_TOLD:
        assert name.replace("{runtime}", "trio") not in text
    assert 'trio_lab_queue_capacity{queue="accept_backlog"}' not in text
    assert exposed(Seen(health=health())).count("_bucket") == 0


@pytest.mark.parametrize("runtime", ["trio", "asyncio"])
def test_figures_of_the_loop_are_named_after_the_runtime(runtime: str) -> None:
    text = exposed(seen(health(runtime=runtime)))
    assert value(text, f"{runtime}_eventloop_tasks") == 42
    assert ("trio_eventloop" in text) == (runtime == "trio")


def test_open_metrics_are_read_by_its_parser_and_agree() -> None:
    text, content_type = exposition(seen, OPEN)
    assert content_type.startswith("application/openmetrics-text")
    found = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in open_metrics(text.decode())
        for sample in family.samples
    }
    assert found == samples(exposed(seen()))


def test_counts_and_sums_are_exact_and_buckets_cumulative() -> None:
    text = exposed(seen())
    assert value(text, "trio_eventloop_pass_seconds_count") == len(PASSES)
    assert value(text, "trio_eventloop_pass_seconds_sum") == pytest.approx(sum(PASSES), rel=1e-12)
    bounds = [*map(str, BOUNDS), "+Inf"]
    up_to = [value(text, "trio_eventloop_pass_seconds_bucket", le=le) for le in bounds]
    assert up_to == [sum(one <= float(le) for one in PASSES) for le in bounds]


def test_queues_are_told_by_kind_so_that_kinds_add_up_to_the_queue() -> None:
    text, told = exposed(seen()), pool()
    of_kinds = [
        found
        for (name, labels), found in samples(text).items()
        if name == "trio_lab_queue_wait_seconds_count" and ("queue", told.name) in labels
    ]
    assert told.wait is not None
    assert (len(of_kinds), sum(of_kinds)) == (2, told.wait.count)
    assert value(text, "trio_lab_queue_callers_total", queue=told.name, kind="hash", outcome="cancelled") == 2
    assert value(text, "trio_lab_queue_waiting", queue=told.name) == 16
    assert value(text, "trio_lab_tokens_borrowed", limiter="native_pool") == 3


@pytest.mark.parametrize(
    ("status", "outcome", "count"),
    [
        ("200", "ok", 2),
        ("503", "shed", 1),
        ("504", "timed_out", 1),
        ("500", "error", 1),
        ("404", "client_error", 1),
        ("", "left", 1),
    ],
)
def test_requests_are_told_by_status_and_by_what_it_means(status: str, outcome: str, count: int) -> None:
    labels = {"http_request_method": "GET", "http_route": "/hash", "http_response_status_code": status}
    assert value(exposed(seen()), "http_server_requests_total", **labels, outcome=outcome) == count


def test_without_prometheus_client_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client.exposition", None)
    with pytest.raises(UsageError) as caught:
        exposition(seen)
    assert str(caught.value) == NEEDED
    assert "\n" not in NEEDED


def test_nothing_is_read_between_scrapes_and_once_in_each() -> None:
    reads: list[Seen] = []

    def read() -> Seen:
        reads.append(seen())
        return reads[-1]

    for scrapes in (1, 2):
        exposition(read)
        assert len(reads) == scrapes


def test_routes_that_do_not_exist_share_one_row() -> None:
    from trio_lab.servers.trio.app import create_app

    app, counted = create_app(), Requests()
    for number in range(10_000):
        counted.keep(app.labels.of({"method": "GET", "path": f"/no/{number}"}), 404, 0.001)
    told = seen()
    assert told.totals is not None
    text = exposed(replace(told, totals=replace(told.totals, routes=counted.totals())))
    assert text.count("http_server_request_duration_seconds_count") == 1
    assert (
        value(text, "http_server_request_duration_seconds_count", http_request_method="GET", http_route="(unknown)")
        == 10_000
    )


def test_every_field_of_the_totals_is_a_metric() -> None:
    told = seen()
    assert told.totals is not None
    before = exposed(told)
    for field in fields(told.totals):
        now = getattr(told.totals, field.name)
        changed: Any = 99 if isinstance(now, int | float) else () if isinstance(now, tuple) else seen().totals.intervals
        if field.name == "intervals":
            changed = None
        assert exposed(replace(told, totals=replace(told.totals, **{field.name: changed}))) != before, field.name


@needs_promtool
@pytest.mark.parametrize("runtime", ["trio", "asyncio"])
def test_promtool_has_nothing_to_say(runtime: str) -> None:
    text = exposed(seen(health(runtime=runtime)))
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_quantile_of_the_delays_is_that_of_health() -> None:
    """As Prometheus computes it, which knows the bucket: 99 % of all moments are served in time."""
    told = seen()
    assert told.totals is not None
    delays, late = told.totals.delays, told.health.loop.delay_p99
    assert late is not None
    assert delays.count == pytest.approx(1000 * (sum(PASSES) + WAITED), abs=1)
    bound = next(bound for bound in BOUNDS if bound >= late)
    within = sum(count for count, upper in zip(delays.counts, BOUNDS, strict=False) if upper <= bound)
    before = within - delays.counts[BOUNDS.index(bound)]
    assert before <= 0.99 * delays.count <= within
