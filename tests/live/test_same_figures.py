"""Unit: the same record has the same figures in `/metrics`, in the JSON of `/health` and of a run, and in the rows that the
terminal and the dashboard show."""

from __future__ import annotations

from dataclasses import fields

import pytest

from trio_lab.diagnose.rows import queue_rows, watched
from trio_lab.records.codec import NOT_OBSERVED, decode, encode, to_plain
from trio_lab.records.examination import Sighting
from trio_lab.records.health import Health

from .seen import health, seen
from .test_metrics import exposed, of_queue, value

BEFORE, NOW = health(), health()
LOOKS = [Sighting(at=0.0, health=BEFORE), Sighting(at=1.0, health=NOW)]


@pytest.mark.parametrize("field", ["capacity", "in_service", "waiting", "max_waiting"])
def test_a_queue(field: str) -> None:
    told = {queue["name"]: queue for queue in to_plain(NOW)["queues"]}
    shown = {row.name: getattr(row, field) for row in queue_rows(LOOKS, None)}
    exposition = exposed(seen(NOW))
    assert shown.keys() == told.keys()
    for name, row in shown.items():
        written, metric = told[name][field], of_queue(exposition, f"trio_lab_queue_{field}", name)
        if row is None:
            assert (written, metric) == (NOT_OBSERVED, None)
        else:
            assert row == written == metric


@pytest.mark.parametrize("field", ["p50", "p99", "max", "delay_p99"])
def test_the_loop(field: str) -> None:
    found = watched(LOOKS)
    assert found.loop is not None
    name = "delay_p99" if field == "delay_p99" else f"pass_{field}"
    metric = value(exposed(seen(NOW)), f"trio_eventloop_{name}_seconds")
    assert getattr(found.loop, field) == metric
    assert to_plain(NOW)["loop"][f"{field}_ms"] == pytest.approx(metric * 1e3, abs=1e-4)


@pytest.mark.parametrize("times", ["wait", "service"])
def test_waits_and_services(times: str) -> None:
    exposition = exposed(seen(NOW))
    for queue in NOW.queues:
        for part in queue.parts():
            if (summary := getattr(part, times)) is None:
                continue
            labels = {"queue": queue.name, "kind": queue.kind_of(part)}
            count = value(exposition, f"trio_lab_queue_{times}_seconds_count", **labels)
            assert count == summary.count == to_plain(part)[f"{times}_ms"]["count"]
            total = value(exposition, f"trio_lab_queue_{times}_seconds_sum", **labels)
            assert total == pytest.approx(summary.mean * summary.count)


def test_what_was_written_and_read_again_is_shown_alike() -> None:
    """A figure is rounded once, to a tenth of a microsecond, and not again."""
    again = decode(Health, encode(NOW))
    before, after = exposed(seen(NOW)), exposed(seen(again))
    for name in ("trio_eventloop_delay_p99_seconds", "trio_eventloop_pass_max_seconds", "trio_lab_memory_bytes"):
        assert value(after, name) == pytest.approx(value(before, name), abs=1e-7)
    looks = [Sighting(at=0.0, health=again), Sighting(at=1.0, health=again)]
    for row, other in zip(queue_rows(LOOKS, None), queue_rows(looks, None), strict=True):
        for field in fields(row):
            assert getattr(row, field.name) == getattr(other, field.name)
