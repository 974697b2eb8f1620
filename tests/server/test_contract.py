"""End to end: the HTTP contract, as tables, against a real server in a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
import time
from typing import Any

import pytest

from tests.running import Running, running
from trio_lab.measure.process import cpu_seconds
from trio_lab.server.storms import MODES

FIRST_QUEUES = ["accept_backlog", "run_queue", "native_pool"]

REPLIES: list[tuple[str, dict[str, Any]]] = [
    ("/hash?rounds=10", {"route": "/hash", "mode": "async pbkdf2", "durationMs": float}),
    ("/sync-hash?rounds=10", {"route": "/sync-hash", "mode": "sync pbkdf2", "durationMs": float}),
    ("/wait?ms=1", {"route": "/wait", "mode": "blocking wait", "pool": "own", "durationMs": float}),
    ("/wait?ms=1&pool=default", {"route": "/wait", "mode": "blocking wait", "pool": "default", "durationMs": float}),
    *(
        (
            f"/fib?n=10&where={where}",
            {"route": "/fib", "n": 10, "where": where, "value": 55, "computeMs": float, "durationMs": float},
        )
        for where in ("loop", "thread", "process")
    ),
    ("/fib?n=0", {"value": 0, "where": "process"}),
    ("/lookup", {"route": "/lookup", "host": "localhost", "addresses": list, "durationMs": float}),
    ("/read", {"route": "/read", "bytes": int, "durationMs": float}),
    (
        "/worker-hash?rounds=10",
        {
            "route": "/worker-hash",
            "mode": "worker process",
            "workerDurationMs": float,
            "totalDurationMs": float,
            "queueMs": float,
            "pool": dict,
        },
    ),
    *(
        (
            f"/tick-storm?count=2500&mode={mode}",
            {"route": "/tick-storm", "scheduledTicks": 2500, "mode": mode, "longestStepMs": float},
        )
        for mode in MODES
    ),
    (
        "/health",
        {
            "runtime": "trio",
            "eventLoopMeanMs": int,
            "eventLoopMaxMs": int,
            "uvThreadpoolSize": 4,
            "pool": dict,
            "nativePool": {"threads": 4, "busy": 0, "abandoned": 0, "queued": 0},
            "loop": dict,
            "queues": list,
            "scaling": [],
        },
    ),
]


@pytest.mark.parametrize(("target", "shape"), REPLIES, ids=[target for target, _ in REPLIES])
def test_replies_have_the_contracts_keys(server: Running, target: str, shape: dict[str, Any]) -> None:
    body = server.get(target)
    for key, expected in shape.items():
        if isinstance(expected, type):
            assert isinstance(body[key], expected), key
        else:
            assert body[key] == expected, key


def test_health_has_the_loop_and_every_queue(server: Running) -> None:
    body = server.get("/health?reset=0")
    assert body["loop"].keys() >= {"mean_ms", "p50_ms", "p99_ms", "max_ms", "utilization"}
    assert body["loop"]["blind"] is None
    assert body["pool"].keys() >= {"workers", "busy", "queued"}
    assert [queue["name"] for queue in body["queues"]] == [*FIRST_QUEUES, "worker_pool", "default_limiter"]
    shapes = {frozenset(queue) for queue in body["queues"]}
    assert len(shapes) == 1  # one shape for every queue
    shape = shapes.pop()
    assert {"capacity", "in_service", "waiting", "max_waiting", "utilization", "wait_ms", "service_ms"} <= shape
    assert {frozenset(kind) | {"kinds"} for queue in body["queues"] for kind in queue["kinds"]} <= {shape}


def test_every_kind_of_job_is_counted_apart(server: Running) -> None:
    def kinds(pool: str) -> dict[str, int]:
        queues = {queue["name"]: queue for queue in server.get("/health?reset=0")["queues"]}
        return {kind["name"]: kind["completions"] for kind in queues[pool]["kinds"]}

    for target in ("/hash?rounds=1", "/wait?ms=1", "/fib?n=1&where=thread", "/fib?n=1", "/worker-hash?rounds=1"):
        server.get(target)
    before = kinds("worker_pool")
    assert kinds("native_pool").keys() == {"native_pool.hash", "native_pool.reports", "native_pool.wait"}
    assert before.keys() == {"worker_pool.hash", "worker_pool.reports"}
    server.get("/fib?n=1")
    assert kinds("worker_pool") == before | {"worker_pool.reports": before["worker_pool.reports"] + 1}


def test_separate_pools_are_two_queues() -> None:
    with running("--separate-pools", "--workers", "1") as server:
        server.get("/fib?n=1")
        server.get("/worker-hash?rounds=1")
        body = server.get("/health?reset=0")
        queues = {queue["name"]: queue for queue in body["queues"]}
        assert list(queues) == [*FIRST_QUEUES, "worker_pool.hash", "worker_pool.reports", "default_limiter"]
        assert queues["worker_pool.hash"]["completions"] == queues["worker_pool.reports"]["completions"] == 1
        assert body["pool"]["workers"] == 2


def test_an_autoscaled_pool_begins_with_one_worker_and_says_what_it_decides() -> None:
    with running("--autoscale", "--workers", "2") as server:
        assert server.get("/health?reset=0")["pool"]["workers"] == 1
        while not (decisions := server.get("/health?reset=0")["scaling"]):
            pass
        assert decisions[0].keys() >= {"pool", "queued_jobs", "loop_lag_ms", "cpu_is_available", "wanted", "reason"}
        assert decisions[0]["wanted"] == 1


def test_the_default_limiter_is_a_queue_of_its_own() -> None:
    with running("--default-threads", "1") as server, socket.create_connection(server.address) as holder:
        holder.sendall(b"GET /wait?ms=3000&pool=default HTTP/1.1\r\nHost: x\r\n\r\n")
        while (limiter := server.get("/health?reset=0")["queues"][-1])["in_service"] == 0:
            pass
        assert (limiter["name"], limiter["capacity"]) == ("default_limiter", 1)
        assert server.request("/wait?ms=1")[0] == 200  # the native pool has a limiter of its own


def test_a_client_that_leaves_a_running_job_leaves_a_thread_that_is_counted() -> None:
    with running() as server:
        leaver = socket.create_connection(server.address)
        leaver.sendall(b"GET /wait?ms=2000 HTTP/1.1\r\nHost: x\r\n\r\n")
        while server.get("/health?reset=0")["nativePool"]["busy"] == 0:
            pass
        leaver.close()
        while (pool := server.get("/health?reset=0")["nativePool"])["abandoned"] == 0:
            assert pool["busy"] == 1
        while server.get("/health?reset=0")["nativePool"]["busy"]:
            pass
        assert server.get("/health?reset=0")["nativePool"]["abandoned"] == 0


def test_health_resets_its_window_only_when_asked_to(server: Running) -> None:
    server.get("/health")
    server.get("/sync-hash?rounds=120000")
    blocked = server.get("/health?reset=0")["loop"]["max_ms"]
    assert server.get("/health?reset=1")["loop"]["max_ms"] >= blocked * 0.9
    assert server.get("/health?reset=0")["loop"]["max_ms"] < blocked


def test_statistics_count_what_was_served(server: Running) -> None:
    def native() -> dict[str, Any]:
        return next(queue for queue in server.get("/health?reset=0")["queues"] if queue["name"] == "native_pool")

    before = native()
    for _ in range(3):
        server.get("/hash?rounds=1000")
    after = native()
    assert after["completions"] - before["completions"] == 3
    assert after["service_ms"]["count"] - before["service_ms"]["count"] == 3


ERRORS = [
    ("GET", "/nothing", {}, 404),
    ("GET", "/", {}, 404),
    ("GET", "/hash/", {}, 404),
    ("POST", "/hash", {}, 405),
    ("DELETE", "/health", {}, 405),
    ("GET", "/tick-storm?mode=fast", {}, 400),
    ("GET", "/tick-storm?mode=", {}, 400),
    ("GET", "/health?reset=2", {}, 400),
    ("GET", "/fib?where=moon", {}, 400),
    ("GET", "/fib?n=41", {}, 400),
    ("GET", "/lookup?host=example.org", {}, 400),
    ("GET", "/wait?pool=theirs", {}, 400),
    ("GET", "/hash?x=" + "a" * 9_000, {}, 414),
    ("GET", "/health", {"X-Long": "a" * 20_000}, 431),
    ("GET", "/health", {"X-Long": "a" * 120_000}, 431),
    ("POST", "/hash", {"Content-Length": "2000000"}, 413),
    ("GET", "http:///health", {}, 400),
    ("GET", "http://x", {}, 400),
    ("GET", "ftp://x/health", {}, 400),
    ("GET", "http://x/nothing", {}, 404),
    ("GET", "?reset=0", {}, 400),
    ("GET", "health", {}, 400),
    ("OPTIONS", "*", {}, 400),
    ("CONNECT", "x:80", {}, 400),
]


@pytest.mark.parametrize(
    ("method", "target", "headers", "status"), ERRORS, ids=[f"{e[0]} {e[1][:20]} {e[3]}" for e in ERRORS]
)
def test_errors_are_json(server: Running, method: str, target: str, headers: dict[str, str], status: int) -> None:
    got, _, body = server.request(target, method, **headers)
    assert got == status
    assert isinstance(body["error"], str)


@pytest.mark.parametrize(
    ("target", "status"), [(b"http://[x/health", 400), (b"http://%5Bx/nothing", 404), (b"%2Fhealth", 400)]
)
def test_a_target_that_is_no_url_is_the_senders_mistake(server: Running, target: bytes, status: int) -> None:
    head, _, body = server.raw(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target).partition(
        b"\r\n\r\n"
    )
    assert head.startswith(b"HTTP/1.1 %d" % status)
    assert isinstance(json.loads(body)["error"], str)


@pytest.mark.parametrize("host", [b"a..b", b"a" * 70, b"\xff\xfe", b"a:b:c@/?"])
def test_no_host_is_a_500(server: Running, host: bytes) -> None:
    head, _, body = server.raw(b"GET /nothing HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % host).partition(
        b"\r\n\r\n"
    )
    assert head[9:12] in (b"400", b"404")
    assert isinstance(json.loads(body)["error"], str)


def test_a_whole_url_is_a_target_too(server: Running) -> None:
    assert server.get("http://example.org/health?reset=0")["runtime"] == "trio"


def test_an_unknown_version_is_refused_and_the_connection_closed(server: Running) -> None:
    reply = server.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 505")
    assert reply.count(b"HTTP/1.1") == 1


WORK = ["/hash", "/sync-hash", "/worker-hash", "/wait", "/tick-storm"]


@pytest.mark.parametrize("route", WORK)
def test_head_makes_no_work(server: Running, route: str) -> None:
    def arrivals() -> list[int]:
        return [queue["arrivals"] for queue in server.get("/health?reset=0")["queues"][2:4]]

    before = arrivals()
    status, headers, body = server.request(route, "HEAD")
    assert (status, headers["Allow"], body) == (405, "GET, OPTIONS", None)
    assert arrivals() == before


def test_head_of_health_is_its_head(server: Running) -> None:
    status, headers, body = server.request("/health?reset=0", "HEAD")
    assert (status, body) == (200, None)
    assert int(headers["Content-Length"]) > 0


@pytest.mark.parametrize(("route", "allowed"), [("/hash", ["GET", "OPTIONS"]), ("/health", ["GET", "HEAD", "OPTIONS"])])
def test_options_and_405_say_what_is_allowed(server: Running, route: str, allowed: list[str]) -> None:
    status, headers, body = server.request(route, "OPTIONS")
    assert (status, headers["Allow"], body) == (200, ", ".join(allowed), {"allow": allowed})
    status, headers, body = server.request(route, "DELETE")
    assert (status, headers["Allow"]) == (405, ", ".join(allowed))


NUMBERS = [
    ("/hash", "rounds"),
    ("/sync-hash", "rounds"),
    ("/worker-hash", "rounds"),
    ("/tick-storm", "count"),
    ("/wait", "ms"),
    ("/fib", "n"),
]
RUBBISH = [
    "-1",
    "1e9999",
    "NaN",
    "inf",
    "",
    "1_000",
    "%205",
    "+5",
    "0x10",
    "1.0",
    "%EF%BC%91%EF%BC%92",  # full-width digits
    "%00",
    "9" * 5_000,
    "99999999",
]


@pytest.mark.parametrize("value", RUBBISH, ids=lambda value: value[:12] or "empty")
@pytest.mark.parametrize(("route", "name"), NUMBERS)
def test_a_bad_number_is_the_senders_mistake(server: Running, route: str, name: str, value: str) -> None:
    status, _, body = server.request(f"{route}?{name}={value}")
    assert status == 400
    assert name in body["error"]


@pytest.mark.parametrize(("route", "name"), NUMBERS)
def test_a_repeated_number_is_the_senders_mistake(server: Running, route: str, name: str) -> None:
    assert server.request(f"{route}?{name}=1&{name}=1")[0] == 400


@pytest.mark.parametrize(("route", "name"), [pair for pair in NUMBERS if pair[1] not in ("ms", "n")])
def test_zero_rounds_are_none(server: Running, route: str, name: str) -> None:
    assert server.request(f"{route}?{name}=0")[0] == 400


def test_connection_close_closes(server: Running) -> None:
    reply = server.raw(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")  # hangs if it does not
    assert reply.startswith(b"HTTP/1.1 200")


def test_a_connection_is_kept_alive(server: Running) -> None:
    connection = http.client.HTTPConnection(*server.address, timeout=30)
    connection.request("GET", "/hash?rounds=1")
    kept = connection.sock
    for _ in range(3):
        assert connection.getresponse().read()
        connection.request("GET", "/hash?rounds=1")
        assert connection.sock is kept  # it would be another had the server closed
    connection.close()


def test_a_refusal_says_which_queue_and_when_to_come_again() -> None:
    with running("--threads", "1", "--max-queue", "0") as server, socket.create_connection(server.address) as holder:
        holder.sendall(b"GET /wait?ms=10000 HTTP/1.1\r\nHost: x\r\n\r\n")
        while server.get("/health?reset=0")["queues"][2]["in_service"] == 0:
            pass
        status, headers, body = server.request("/hash?rounds=1")
        assert status == 503
        assert int(headers["Retry-After"]) >= 1
        assert body["queue"] == "native_pool"
        assert server.request("/worker-hash?rounds=1")[0] == 200  # one pool's overload is not another's


def test_a_job_that_runs_too_long_is_a_504_and_its_worker_is_replaced() -> None:
    with running("--run-timeout", "0.25") as server:
        assert server.request("/worker-hash?rounds=2000000")[0] == 504  # in C: it cannot be interrupted, only killed
        assert server.request("/worker-hash?rounds=1")[0] == 200
        assert server.get("/health?reset=0")["pool"]["restarts"] == 1


def test_a_worker_that_dies_is_a_502() -> None:
    with running("--workers", "1") as server:
        worker = server.family()[1]
        idle = cpu_seconds(worker)
        assert idle is not None

        def kill_when_busy() -> None:
            # A job that the worker had not read yet would go to the next worker, and be no failure at all.
            while (cpu_seconds(worker) or 0) < idle + 0.2:
                time.sleep(0.01)
            os.kill(worker, signal.SIGKILL)

        killer = threading.Thread(target=kill_when_busy)
        killer.start()
        assert server.request("/fib?n=40")[0] == 502
        killer.join()
        assert server.request("/worker-hash?rounds=1")[0] == 200


def test_a_client_that_leaves_frees_its_slot_in_the_queue() -> None:
    def native(server: Running) -> dict[str, Any]:
        return server.get("/health?reset=0")["queues"][2]

    with running("--threads", "1") as server:
        holder = socket.create_connection(server.address)
        holder.sendall(b"GET /wait?ms=10000 HTTP/1.1\r\nHost: x\r\n\r\n")
        while native(server)["in_service"] == 0:
            pass
        leaver = socket.create_connection(server.address)
        leaver.sendall(b"GET /wait?ms=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        while native(server)["waiting"] == 0:
            pass
        leaver.close()
        while native(server)["waiting"] == 1:
            pass
        assert native(server)["cancelled"] == 1
        assert native(server)["in_service"] == 1  # and it did not have to wait for the job before it
        holder.close()


def test_the_pool_is_resized_live() -> None:
    with running("--threads", "2") as server:
        assert server.get("/health")["uvThreadpoolSize"] == 2
        assert server.process.stdin is not None
        server.process.stdin.write(b"rubbish\nthreads 99999\nthreads 7\n")
        server.process.stdin.flush()
        while server.get("/health")["uvThreadpoolSize"] != 7:
            pass


def test_the_environment_configures_too() -> None:
    with running(TRIO_LAB_THREADS="9", TRIO_LAB_PROFILE="naive") as server:
        body = server.get("/health")
        assert body["uvThreadpoolSize"] == 9
        assert body["queues"][2]["max_waiting"] == "not observed"


def test_the_naive_profile_works_on_for_a_client_that_left() -> None:
    with running("--threads", "1", "--profile", "naive") as server:
        with socket.create_connection(server.address) as leaver:
            leaver.sendall(b"GET /wait?ms=1 HTTP/1.1\r\nHost: x\r\n\r\n" * 1)
            other = socket.create_connection(server.address)
            other.sendall(b"GET /wait?ms=300 HTTP/1.1\r\nHost: x\r\n\r\n")
            other.close()
        while server.get("/health?reset=0")["queues"][2]["completions"] < 2:
            pass
        assert server.get("/health?reset=0")["queues"][2]["cancelled"] == 0
