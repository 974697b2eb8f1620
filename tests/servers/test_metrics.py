"""End to end: `/metrics` of both Python servers, read by prometheus-client's parser, beside `/health` and the rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as text_format

from tests.running import Running, running
from tests.waiting import until
from trio_lab.live.metrics.of_requests import METHOD, OUTCOME, ROUTE, STATUS


@pytest.fixture(scope="module", params=["trio", "asyncio"])
def server(request: pytest.FixtureRequest) -> Iterator[Running]:
    with running("--workers", "1", "--threads", "2", runtime=request.param) as server:
        yield server


def scraped(server: Running, **headers: str) -> tuple[str, str]:
    status, received, body = server.exchange("/metrics", **headers)
    assert status == 200
    return body.decode(), received["content-type"]


def samples(server: Running) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text, _ = scraped(server)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_format(text)
        for sample in family.samples
    }


def of(found: dict[Any, float], name: str, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0.0)


def request(route: str, status: int, outcome: str) -> dict[str, str]:
    return {METHOD: "GET", ROUTE: route, STATUS: str(status), OUTCOME: outcome}


def test_requests_jobs_and_passes_are_counted_once_each(server: Running) -> None:
    before = samples(server)
    for _ in range(3):
        server.get("/hash?rounds=1")
    server.get("/worker-hash?rounds=1")
    server.exchange("/hash?rounds=x")
    server.exchange("/nothing")
    missing = "http_server_requests_total", frozenset(request("(unknown)", 404, "client_error").items())
    until(lambda: samples(server).get(missing, 0.0) > before.get(missing, 0.0))  # counted when its reply has gone
    after = samples(server)

    def grown(name: str, **labels: str) -> float:
        return of(after, name, **labels) - of(before, name, **labels)

    assert grown("http_server_requests_total", **request("/hash", 200, "ok")) == 3
    assert grown("http_server_requests_total", **request("/hash", 400, "client_error")) == 1
    assert grown("http_server_requests_total", **request("(unknown)", 404, "client_error")) == 1
    assert grown("http_server_request_duration_seconds_count", **{METHOD: "GET", ROUTE: "/hash"}) == 4
    assert grown("trio_lab_queue_callers_total", queue="native_pool", kind="hash", outcome="completed") == 3
    assert grown("trio_lab_queue_wait_seconds_count", queue="native_pool", kind="hash") == 3
    assert grown("trio_lab_queue_service_seconds_count", queue="worker_pool", kind="hash") == 1
    loop = f"{server.runtime}_eventloop"
    assert grown(f"{loop}_pass_seconds_count") > 0
    assert grown(f"{loop}_time_seconds_total", state="idle") > 0
    assert of(after, f"{loop}_tasks") > 0


def test_figures_are_those_of_health(server: Running) -> None:
    """Those that do not change while nobody asks for anything else."""
    health, found = server.get("/health?reset=0"), samples(server)
    for queue in health["queues"]:
        if queue["name"] not in ("native_pool", "worker_pool"):
            continue
        for field in ("capacity", "in_service", "waiting", "max_waiting", "peak_waiting"):
            assert of(found, f"trio_lab_queue_{field}", queue=queue["name"]) == queue[field], field
        for kind in queue["kinds"]:
            labels = {"queue": queue["name"], "kind": kind["name"].removeprefix(f"{queue['name']}.")}
            assert of(found, "trio_lab_queue_arrivals_total", **labels) == kind["arrivals"]
            for times in ("wait", "service"):
                told = kind[f"{times}_ms"]
                assert of(found, f"trio_lab_queue_{times}_seconds_count", **labels) == told["count"]
                total = of(found, f"trio_lab_queue_{times}_seconds_sum", **labels)
                assert total * 1e3 == pytest.approx(told["mean"] * told["count"], abs=1e-3)
    assert of(found, "trio_lab_memory_limit_bytes") == health["process"]["memory_limit_bytes"]
    assert of(found, "trio_lab_threads") == health["uvThreadpoolSize"]


def test_a_scrape_resets_nothing(server: Running) -> None:
    server.get("/health")
    server.get("/sync-hash?rounds=100000")
    scraped(server)
    assert server.get("/health?reset=0")["loop"]["max_ms"] > 10


def test_a_client_that_asks_for_open_metrics_gets_them(server: Running) -> None:
    text, content_type = scraped(server, Accept="application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert {family.name for family in open_metrics(text)} >= {"http_server_requests", "process_open_fds"}
    assert scraped(server)[1].startswith("text/plain")


def test_paths_are_never_labels(server: Running) -> None:
    for number in range(50):
        server.exchange(f"/no/{number}")
    routes = {dict(labels)[ROUTE] for name, labels in samples(server) if name == "http_server_requests_total"}
    assert "(unknown)" in routes
    assert not any(route.startswith("/no") for route in routes)


def test_the_list_of_routes_names_it(server: Running) -> None:
    assert "GET /metrics" in json.loads(server.exchange("/")[2])["routes"]


def test_the_side_process_tells_the_same() -> None:
    with running("--workers", "1", "--live", "--live-port", "0") as server:
        for _ in range(3):
            server.get("/hash?rounds=1")
        own, side = samples(server), Running(server.process, server.live)
        asked = ("http_server_requests_total", frozenset(request("/hash", 200, "ok").items()))
        while (told := samples(side) if side.exchange("/metrics")[0] == 200 else {}).get(asked) != 3:
            pass  # it is told once a second
    assert {name for name, _ in told} == {name for name, _ in own}
    kind = {"queue": "native_pool", "kind": "hash"}
    for name in (
        "trio_lab_queue_wait_seconds_count",
        "trio_lab_queue_service_seconds_sum",
        "trio_lab_queue_arrivals_total",
    ):
        assert of(told, name, **kind) == of(own, name, **kind) > 0
