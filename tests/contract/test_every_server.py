"""End to end: the contract's table and a server's ways, against every runtime under each profile."""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any

import pytest

from tests.running import Running
from tests.waiting import until

from .checks import check_rows
from .shapes import COUNT, NUMBER, TEXT, Is, complaints
from .subjects import THREADS, Subject, only
from .table import TABLE
from .watching import ask, kill_the_busy_worker, queue

POOLS = ("native_pool", "worker_pool")


@pytest.mark.parametrize("name", TABLE)
def test_table(server: Running, subject: Subject, name: str) -> None:
    found = check_rows(server, TABLE[name](subject))
    assert not found, "\n".join(["", *found])


@pytest.fixture
def idle(server: Running) -> Running:
    """The server when nothing is left of what earlier tests have asked for, so that counts are those of one test."""
    until(lambda: all(queue(server, pool)[count] == 0 for pool in POOLS for count in ("in_service", "waiting")))
    return server


def kinds(server: Running) -> dict[str, Any]:
    """The record of every kind of job of both pools."""
    return {kind["name"]: kind for pool in POOLS for kind in queue(server, pool)["kinds"]}


def test_every_job_is_counted_once_under_its_kind(idle: Running, subject: Subject) -> None:
    # Where a thread can run a job of its own is a thread of the native pool; where none can, it is a worker.
    thread = "worker_pool" if subject.runtime == "node" else "native_pool"
    jobs = {
        "/hash?rounds=1": "native_pool.hash",
        "/wait?ms=1": "native_pool.wait",
        "/fib?n=1&where=thread": f"{thread}.reports",
        "/fib?n=1&where=process": "worker_pool.reports",
        "/worker-hash?rounds=1": "worker_pool.hash",
    }
    for target in jobs:
        idle.get(target)
    assert kinds(idle).keys() >= set(jobs.values())
    for target, kind in jobs.items():
        for count in ("arrivals", "completions"):
            before = {name: record[count] for name, record in kinds(idle).items()}
            for _ in range(2):
                idle.get(target)
            after = {name: record[count] for name, record in kinds(idle).items()}
            assert after == before | {kind: before[kind] + 2}, target


def test_times_are_counted_with_the_jobs(idle: Running) -> None:
    for target, pool in (("/wait?ms=30", "native_pool"), ("/worker-hash?rounds=1000", "worker_pool")):
        before = queue(idle, pool)
        for _ in range(3):
            idle.get(target)
        after = queue(idle, pool)
        for count in (after["completions"], after["wait_ms"]["count"], after["service_ms"]["count"]):
            assert count == before["completions"] + 3, target
    assert queue(idle, "native_pool")["service_ms"]["max"] >= 30


def test_refused_requests_are_no_jobs(idle: Running) -> None:
    before = {pool: queue(idle, pool)["arrivals"] for pool in POOLS}
    for target in ("/hash", "/worker-hash", "/wait", "/fib"):
        for method in ("HEAD", "OPTIONS", "POST"):
            idle.exchange(target, method)
    for target in ("/hash?rounds=x", "/worker-hash?rounds=x", "/wait?ms=x", "/fib?where=x"):
        idle.exchange(target)
    assert {pool: queue(idle, pool)["arrivals"] for pool in POOLS} == before


def test_health_resets_its_window_unless_asked_not_to(server: Running) -> None:
    server.get("/health")
    blocked = server.get("/sync-hash?rounds=300000")["durationMs"]
    for target in ("/health?reset=0", "/health?reset=0", "/health"):  # the first two left the window as it was
        seen = server.get(target)
        # A timer may have been about to fire when the loop was blocked, and is late by the rest.
        assert seen["eventLoopMaxMs"] >= blocked * 0.5, target
        assert seen["loop"]["max_ms"] >= blocked * 0.5, target

    def forgotten() -> bool:
        """Asked for more than once, for a busy machine may hold up a loop for as long; without a reset it never comes."""
        server.get("/health")
        seen = server.get("/health?reset=0")
        return bool(seen["loop"]["max_ms"] < blocked and seen["eventLoopMaxMs"] < blocked)

    until(forgotten)


def test_an_idle_loop_reads_the_interval_of_its_timer(server: Running) -> None:
    """The probe tells how long it is from one wake of a 20 ms timer to the next, not how late it was."""
    server.get("/health")
    until(lambda: server.get("/health?reset=0")["eventLoopMaxMs"] > 0)
    assert server.get("/health?reset=0")["eventLoopMeanMs"] >= 19


def test_a_connection_is_kept_alive(server: Running) -> None:
    connection = http.client.HTTPConnection(*server.address, timeout=30)
    connection.request("GET", "/hash?rounds=1")
    kept = connection.sock
    for _ in range(3):
        assert connection.getresponse().read()
        connection.request("GET", "/hash?rounds=1")
        assert connection.sock is kept  # it would be another had the server closed
    connection.close()


def test_what_is_wrong_with_a_request_does_not_cost_its_connection(server: Running) -> None:
    connection = http.client.HTTPConnection(*server.address, timeout=30)
    for target, status in (("/hash?rounds=x", 400), ("/nothing", 404), ("/hash?rounds=1", 200)):
        connection.request("GET", target)
        reply = connection.getresponse()
        assert (reply.status, bool(reply.read()), reply.will_close) == (status, True, False)
    connection.close()


def test_requests_that_were_sent_together_are_answered_in_their_order(server: Running) -> None:
    sent = b"".join(
        b"GET /wait?ms=%d HTTP/1.1\r\nHost: x\r\n%s\r\n" % (ms, b"Connection: close\r\n" * (ms == 1))
        for ms in (50, 0, 1)
    )
    sent = sent.replace(b"/wait?ms=0", b"/nothing")
    replies = server.raw(sent).split(b"HTTP/1.1 ")[1:]
    assert [reply[:3] for reply in replies] == [b"200", b"404", b"200"]


def test_what_follows_a_request_does_not_cost_its_reply(server: Running) -> None:
    replies = server.raw(b"GET /wait?ms=100 HTTP/1.1\r\nHost: x\r\n\r\nGARBAGE\r\n\r\n").split(b"HTTP/1.1 ")[1:]
    assert [reply[:3] for reply in replies] == [b"200", b"400"]


@only(if_=lambda subject: subject.runtime != "node")  # its workers are threads, which no other process can kill
def test_a_worker_that_dies_is_a_502_and_is_replaced(server: Running) -> None:
    killer = threading.Thread(target=kill_the_busy_worker, args=(server,))
    killer.start()
    status, _, body = server.request("/fib?n=40")
    killer.join()
    assert (status, list(body)) == (502, ["error"])
    until(lambda: server.exchange("/worker-hash?rounds=1")[0] == 200)


def test_what_clients_that_left_have_asked_for_comes_to_an_end(idle: Running, subject: Subject) -> None:
    """More jobs than threads, and every client leaves. A naive server does all of them."""
    before = queue(idle, "native_pool")

    def since(count: str) -> int:
        return int(queue(idle, "native_pool")[count] - before[count])

    leavers = [ask(idle, "/wait?ms=1000") for _ in range(THREADS + 2)]
    until(lambda: since("arrivals") == len(leavers))
    for leaver in leavers:
        leaver.close()
    until(lambda: since("completions") + since("cancelled") == len(leavers))
    at_rest = {"threads": THREADS, "busy": 0, "abandoned": 0, "queued": 0}
    until(lambda: idle.get("/health?reset=0")["nativePool"] == at_rest)
    assert since("cancelled") == (0 if subject.profile == "naive" else len(leavers) - THREADS)


def send(server: Running, target: str, method: str, body: bytes) -> tuple[int, http.client.HTTPMessage, Any]:
    connection = http.client.HTTPConnection(*server.address, timeout=30)
    try:
        connection.request(method, target, body)
        reply = connection.getresponse()
        return reply.status, reply.headers, json.loads(reply.read())
    finally:
        connection.close()


JOB = {"id": TEXT, "job": TEXT, "args": Is("an object", lambda value: isinstance(value, dict)), "state": TEXT}
JOB |= {"tries": COUNT, "max_tries": 5, "age_s": NUMBER}


has_jobs = only(if_=lambda subject: subject.has("/jobs"))  # that the others say who has them is in the table


@has_jobs
def test_a_job_from_its_submission_to_its_end(server: Running) -> None:
    status, headers, body = send(server, "/jobs", "POST", b'{"job": "hash", "args": {"rounds": 10}}')
    assert (status, headers["content-type"], complaints(body, {"id": TEXT})) == (202, "application/json", [])
    where = headers["Location"]
    assert where == f"/jobs/{body['id']}"
    until(lambda: server.get(where)["state"] == "succeeded")
    result = {"rounds": 10, "seconds": NUMBER}
    assert complaints(server.get(where), JOB | {"job": "hash", "tries": 1, "result": result}) == []
    _, _, body = send(server, "/jobs", "POST", b'{"job": "wait", "args": {}, "delay_s": 60, "priority": 5}')
    for target, method, state in (
        (f"/jobs/{body['id']}", "GET", "queued"),
        (f"/jobs/{body['id']}", "DELETE", "cancelled"),
    ):
        status, _, job = send(server, target, method, b"")
        waits = {"due_in_s": NUMBER} if state == "queued" else {}
        assert (status, complaints(job, JOB | waits | {"state": state})) == (200, [])


@has_jobs
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"job": "none"}', b'{"job": "hash", "args": {"no": 1}}'),
        *(b'{"job": "hash", "delay_s": -1}', b'{"job": "hash", "priority": 1e9}', b'{"job": "hash", "other": 1}'),
    ],
    ids=lambda body: body[:30].decode("latin-1"),
)
def test_what_is_no_job_is_refused_and_said(server: Running, body: bytes) -> None:
    status, _, reply = send(server, "/jobs", "POST", body)
    assert (status in (400, 413), complaints(reply, {"error": TEXT})) == (True, [])
