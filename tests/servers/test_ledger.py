"""End to end, on both Python servers: where requests say that their time went, against what replies and queues say."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.running import Running, running

_ASKED = b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module", params=["trio", "asyncio"])
def server(request: pytest.FixtureRequest) -> Iterator[Running]:
    with running("--threads", "1", "--workers", "1", runtime=request.param) as server:
        yield server


def of_route(server: Running, route: str, *, count: int = 1) -> Any:
    """The ledger of a route when so many of its requests have ended; the window begins anew."""
    while True:
        for found in server.get("/ledger?reset=0")["routes"]:
            if found["route"] == route and found["count"] >= count:
                server.get("/ledger")
                return found


def means(found: Any) -> dict[str, float]:
    assert sum(part["mean"] for part in found["parts"].values()) == pytest.approx(found["total_ms"]["mean"], abs=0.01)
    return {name: part["mean"] for name, part in found["parts"].items()}


def test_a_job_in_a_process_agrees_with_its_reply(server: Running) -> None:
    said = server.get("/worker-hash?rounds=50000")
    parts = means(of_route(server, "GET /worker-hash"))
    served = queue(server, "worker_pool")["service_ms"]["mean"]
    if server.runtime == "trio":
        assert parts["run"] == pytest.approx(served, abs=0.002)
    else:  # there the way to the worker and back is in the pool's figure
        assert parts["run"] <= served
        assert parts["spawn"] > 0
    assert parts["run"] >= said["workerDurationMs"] - 0.002  # measured by the job itself
    assert parts["queue"] == pytest.approx(said["queueMs"], abs=0.002)
    # The pipe and the loop are in the handler's own figure.
    assert parts["queue"] + parts["spawn"] + parts["run"] <= said["totalDurationMs"] + 0.01


def test_a_job_in_a_thread_agrees_with_what_it_was_to_wait(server: Running) -> None:
    differences = []
    for _ in range(20):  # a machine that is busy may hold a thread up; not every time
        said = server.get("/wait?ms=200")
        parts = means(of_route(server, "GET /wait"))
        assert parts["spawn"] + parts["run"] <= said["durationMs"] + 0.01
        assert parts["run"] >= 200
        differences.append(parts["run"] - 200)
        if min(differences) <= 20:
            break
    assert min(differences) <= 20


def test_the_wait_is_the_queues_own_figure(server: Running) -> None:
    with socket.create_connection(server.address) as first, socket.create_connection(server.address) as second:
        first.sendall(_ASKED % b"/wait?ms=300")
        while not queue(server, "native_pool")["in_service"]:
            pass
        second.sendall(_ASKED % b"/wait?ms=1")
        found = of_route(server, "GET /wait", count=2)
    assert found["parts"]["queue"]["max"] == pytest.approx(queue(server, "native_pool")["wait_ms"]["max"], rel=0.01)
    assert found["parts"]["queue"]["max"] > 0
    means(found)


def queue(server: Running, name: str) -> Any:
    return server.queues()[name]


def test_what_blocks_the_loop_is_the_loops(server: Running) -> None:
    said = server.get("/sync-hash?rounds=50000")
    parts = means(of_route(server, "GET /sync-hash"))
    assert parts["loop"] >= said["durationMs"] - 0.01
    assert parts["queue"] == parts["spawn"] == parts["run"] == 0
    assert parts["accept"] > 0
    assert parts["send"] > 0


def test_names_come_from_a_bounded_set(server: Running) -> None:
    server.get("/ledger")
    for target, method in (("/no/such?x=1", "GET"), ("/another", "GET"), ("/hash?rounds=0", "GET"), ("/", "TRACE")):
        server.request(target, method)
    asked = {"GET (unknown)": 2, "GET /hash": 1, "(other) (unknown)": 1}
    while (counts := counted(server) | {"GET /ledger": 0}) != asked | {"GET /ledger": 0}:
        assert counts.keys() <= asked.keys() | {"GET /ledger"}


def counted(server: Running) -> dict[str, int]:
    return {found["route"]: found["count"] for found in server.get("/ledger?reset=0")["routes"]}


def test_a_client_that_leaves_is_counted(server: Running) -> None:
    server.get("/ledger")
    with socket.create_connection(server.address) as leaver:
        leaver.sendall(_ASKED % b"/wait?ms=2000")
        while not queue(server, "native_pool")["in_service"]:
            pass
    parts = means(of_route(server, "GET /wait"))
    assert parts["run"] + parts["spawn"] > 0
    assert parts["send"] == 0


@pytest.mark.parametrize("server", ["trio"], indirect=True)  # the only one with a route that reads a body
def test_a_body_that_comes_slowly_is_no_work_of_ours(server: Running) -> None:
    with socket.create_connection(server.address) as sender:
        sender.sendall(b"POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
        server.get("/wait?ms=300")
        sender.sendall(b"{}")
        parts = means(of_route(server, "POST /ingest"))
    assert parts["accept"] >= 150
