"""End to end: what the server on Trio can beyond the contract that every runtime keeps (see `tests.contract`)."""

from __future__ import annotations

import socket

from tests.running import running

FIRST_QUEUES = ["accept_backlog", "run_queue", "admission", "native_pool"]


def test_separate_pools_are_two_queues() -> None:
    with running("--separate-pools", "--workers", "1") as server:
        server.get("/fib?n=1")
        server.get("/worker-hash?rounds=1")
        body = server.get("/health?reset=0")
        queues = {queue["name"]: queue for queue in body["queues"]}
        assert list(queues) == [
            *FIRST_QUEUES,
            "worker_pool.hash",
            "worker_pool.reports",
            "default_limiter",
        ]
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
    with (
        running("--default-threads", "1", "--grace", "0.1") as server,
        socket.create_connection(server.address) as holder,
    ):
        holder.sendall(b"GET /wait?ms=3000&pool=default HTTP/1.1\r\nHost: x\r\n\r\n")
        while (limiter := server.queues()["default_limiter"])["in_service"] == 0:
            pass
        assert limiter["capacity"] == 1
        assert server.request("/wait?ms=1")[0] == 200  # the native pool has a limiter of its own


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
        assert server.get("/health")["uvThreadpoolSize"] == 9
        assert server.queues()["native_pool"]["max_waiting"] == "not observed"
