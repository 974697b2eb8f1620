"""The same figures everywhere, of a real server under real load: on the page, in the events, in `/metrics`, in `/health`, and
in what the load generator has counted.

The server is stopped in the midst of the load, so that all of them tell the same window for as long as the test looks.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.chromium import BROWSER, tab
from tests.running import Running, running
from tests.waiting import until

_PATH = "/hash"
_WAITS = _PATH + "?rounds=60000"
_QUEUE_STATES = ("capacity", "in_service", "waiting", "max_waiting", "peak_waiting")
_LOOP = {
    "p50_ms": "pass_p50",
    "p99_ms": "pass_p99",
    "max_ms": "pass_max",
    "mean_ms": "pass_mean",
    "delay_p99_ms": "delay_p99",
}
_SHOWN = """(() => {
  const pairs = (id) => Object.fromEntries([...document.querySelectorAll(`#${id} div`)].map((one) =>
    [one.children[0].textContent, one.children[1].textContent]));
  return {
    cards: Object.fromEntries([...document.querySelectorAll("#row li")].map((one) =>
      ["h3", ".depth", ".more"].map((part) => one.querySelector(part).textContent))
      .map(([name, ...more]) => [name, more.join(" · ")])),
    loop: pairs("loop"), process: pairs("process"),
    routes: Object.fromEntries([...document.querySelectorAll("#routes tbody tr")].map((one) =>
      [one.cells[0].textContent, [...one.cells].slice(1).map((cell) => cell.textContent)])),
  };
})()"""


class Metrics:
    """A scrape."""

    def __init__(self, text: str) -> None:
        self._samples = [one for family in text_string_to_metric_families(text) for one in family.samples]

    def sum(self, name: str, **labels: str) -> float | None:
        """Of all samples with these labels; None if there are none."""
        found = [one.value for one in self._samples if one.name == name and labels.items() <= one.labels.items()]
        return sum(found) if found else None


def view(server: Running) -> Any:
    return json.loads(Running(server.process, server.live).exchange("/view")[2])


def scrape(url: Running) -> Metrics:
    return Metrics(url.exchange("/metrics")[2].decode())


@contextmanager
def stopped(server: Running) -> Iterator[None]:
    server.process.send_signal(signal.SIGSTOP)
    try:
        until(lambda: view(server)["state"]["state"] == "stopped")
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def queue(seen: Any, name: str) -> Any:
    return next(one for one in seen["figures"]["health"]["queues"] if one["name"] == name)


def busy(figures: Any) -> bool:
    """Whether callers wait, and some have been served."""
    return queue({"figures": figures}, "native_pool")["waiting"] > 0 and any(
        one["recent_ms"]["count"] for one in figures["routes"]
    )


def test_page_metrics_and_json_tell_the_same_of_one_window() -> None:
    with running("--live", "--threads", "2", "--workers", "1") as server:
        command = [sys.executable, "-m", "trio_lab", "load", server.url + _WAITS, "-c", "6", "-d", "2", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as load:
            until(lambda: busy(view(server)["figures"]))
            with stopped(server):
                seen, metrics = view(server), scrape(Running(server.process, server.live))
                assert view(server)["figures"] == seen["figures"]  # it is the same window all the time
                compare_with_metrics(seen["figures"], metrics)
                if BROWSER is not None:
                    with tab() as page:
                        page.open(f"{server.live}/", width=1280)
                        page.until("document.getElementById('state').textContent.includes('stopped')")
                        page.until("document.querySelectorAll('#row li').length > 4")
                        compare_with_page(seen["figures"], page.evaluate(_SHOWN))
            assert load.stdout is not None
            counted = json.loads(load.stdout.read())["requests"]["ok"]
        assert counted > 0
        until(lambda: queue(view(server), "native_pool")["completions"] == counted)
        until(lambda: scrape(Running(server.process, server.live)).sum(**_ended()) == counted)
        assert scrape(server).sum(**_ended()) == counted
        assert server.queues()["native_pool"]["completions"] == counted


def _ended() -> dict[str, Any]:
    return {"name": "http_server_requests_total", "http_route": _PATH, "outcome": "ok"}


def compare_with_metrics(figures: Any, metrics: Metrics) -> None:
    """Each figure of the JSON that the page is drawn from."""
    health = figures["health"]
    for one in health["queues"]:
        for state in _QUEUE_STATES:
            told = None if one[state] == "not observed" else one[state]
            assert metrics.sum(f"trio_lab_queue_{state}", queue=one["name"]) == told, (one["name"], state)
        if one["arrivals"] != "not observed":
            assert metrics.sum("trio_lab_queue_arrivals_total", queue=one["name"]) == one["arrivals"]
    for name, metric in _LOOP.items():
        assert metrics.sum(f"trio_eventloop_{metric}_seconds") == pytest.approx(health["loop"][name] / 1e3)
    assert metrics.sum("trio_eventloop_utilization_ratio") == pytest.approx(health["loop"]["utilization"])
    for pool, metric in (("pool", "workers"), ("nativePool", "threads")):
        assert metrics.sum(f"trio_lab_{metric}") == health[pool][metric]
        assert metrics.sum(f"trio_lab_{metric}_busy") == health[pool]["busy"]
    assert metrics.sum("trio_lab_memory_bytes") == health["process"]["memory_bytes"]
    assert metrics.sum("process_cpu_seconds_total") == pytest.approx(health["usage"]["cpu_s"])
    assert metrics.sum("process_open_fds") == health["usage"]["descriptors"]
    for route in figures["routes"]:
        template = route["route"].removeprefix("GET ")
        count = metrics.sum("http_server_request_duration_seconds_count", http_route=template)
        assert count == route["recent_ms"]["count"]


def compare_with_page(figures: Any, shown: Any) -> None:
    """Each number that is drawn, but for means between two events, which one scrape does not have."""
    health = figures["health"]
    for one in health["queues"]:
        card = shown["cards"][one["name"].replace("_", " ")]
        if one["in_service"] != "not observed":
            assert card.startswith(f"{one['in_service']:,} of {one['capacity']:,} in service"), card
            if one["max_waiting"] != "not observed":
                assert f"{one['waiting']:,} of {one['max_waiting']:,} waiting" in card
    recent = figures["recent"]
    for name, field in (
        ("pass p50", "p50_ms"),
        ("pass p99", "p99_ms"),
        ("longest pass", "max_ms"),
        ("delay p99", "delay_p99_ms"),
    ):
        assert milliseconds(shown["loop"][name]) == pytest.approx(recent[field], rel=0.006, abs=0.006)
    assert int(shown["loop"][f"stalls over {figures['budget_ms']:.1f} ms"]) == figures["stalls"]
    for route in figures["routes"]:
        cells, told = shown["routes"][route["route"]], route["recent_ms"]
        assert cells[0] == f"{told['count']:,}"
        for cell, field in zip(cells[1:], ("p50", "p90", "p99", "max"), strict=True):
            assert milliseconds(cell) == pytest.approx(told[field], rel=0.006, abs=0.006)
    threads, pool = health["nativePool"], health["pool"]
    assert shown["process"]["threads busy"] == f"{threads['busy']} of {threads['threads']}"
    assert shown["process"]["workers busy"] == f"{pool['busy']} of {pool['workers']}"
    assert shown["process"]["memory"].startswith(f"{health['process']['memory_bytes'] / 2**20:.0f} MB")
    assert shown["process"]["descriptors"].startswith(f"{health['usage']['descriptors']:,} ")


def milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+) (ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number) * (1e3 if unit == "s" else 1)
