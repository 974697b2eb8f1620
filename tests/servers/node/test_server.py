"""End to end: what the contract does not say of the node server: its pools, its two processes, its end."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.contract.watching import answer, ask, queue
from tests.running import Running, running
from tests.servers.clients import accepts
from tests.waiting import until
from trio_lab.http.runtimes import node_version
from trio_lab.measure.process import lives

FAULT = Path(__file__).parent / "dies_at_39.mjs"

pytestmark = pytest.mark.skipif(node_version()[0] is None, reason="node ≥ 20 is not on the PATH")


@contextmanager
def node(*flags: str, **environ: str) -> Iterator[Running]:
    with running("--workers", "1", *flags, runtime="node", **environ) as server:
        yield server


def threads(server: Running) -> int:
    """How many threads the process that serves has."""
    return len(os.listdir(f"/proc/{server.family()[1]}/task"))


def in_service(server: Running) -> Any:
    return queue(server, "native_pool")["in_service"]


def test_the_pool_of_libuv_is_as_large_as_was_asked() -> None:
    """Its threads are all started together, when the first of them is needed."""
    found = {}
    for size in (2, 9):
        # Whatever the environment says: the flag is what counts.
        with node("--threads", str(size), UV_THREADPOOL_SIZE="3") as server:
            server.get("/read")
            found[size] = threads(server)
    assert found[9] - found[2] == 7


@pytest.mark.parametrize("profile", ["guarded", "naive"])
def test_a_wait_holds_a_thread_that_files_are_read_with(profile: str) -> None:
    with node("--threads", "1", "--profile", profile) as server:
        with ask(server, "/wait?ms=2000") as holder, ExitStack() as both:
            until(lambda: in_service(server) == 1)
            reader = both.enter_context(ask(server, "/read"))
            assert answer(reader)[0] == 200
            assert select.select([holder], [], [], 0)[0] == [holder]  # was answered before
            assert answer(holder)[0] == 200


def test_waits_that_share_the_fifo_take_as_long_as_they_say() -> None:
    with node("--threads", "2") as server, ask(server, "/wait?ms=10000") as long:
        until(lambda: in_service(server) == 1)
        for _ in range(3):
            assert server.get("/wait?ms=20")["durationMs"] >= 19
        assert select.select([long], [], [], 0)[0] == []
        assert in_service(server) == 1


def test_waits_of_a_naive_server_begin_when_there_is_a_thread() -> None:
    with node("--threads", "1", "--profile", "naive") as server, ExitStack() as asked:
        waits = [asked.enter_context(ask(server, "/wait?ms=100")) for _ in range(4)]
        assert [answer(wait)[0] for wait in waits] == [200] * 4
        found = queue(server, "native_pool")
        assert found["service_ms"]["p50"] >= 95  # one after the other, not all in the first 100 ms
        assert found["wait_ms"]["max"] >= 250


def test_a_worker_that_dies_costs_its_own_job_and_no_other() -> None:
    with node(NODE_OPTIONS=f"--import {FAULT.as_uri()}") as server, ExitStack() as asked:
        first = asked.enter_context(ask(server, "/fib?n=35"))
        until(lambda: queue(server, "worker_pool")["in_service"] == 1)
        victim = asked.enter_context(ask(server, "/fib?n=39"))
        until(lambda: queue(server, "worker_pool")["arrivals"] == 2)
        others = [asked.enter_context(ask(server, "/fib?n=20")) for _ in range(3)]
        assert answer(first)[0] == 200
        status, body = answer(victim)
        assert (status, body) == (502, b'{"error":"the worker died with exit code 7"}')
        assert [answer(other)[0] for other in others] == [200] * 3
        assert server.get("/health?reset=0")["pool"] == {"workers": 1, "busy": 0, "queued": 0, "restarts": 1}


def test_threads_that_cannot_be_ended_at_once_do_not_pile_up() -> None:
    """Each job is in C, and is given up soon. One worker may be ending beside a live one; the next waits for it."""
    with node("--run-timeout", "0.05", "--queue-timeout", "600") as server, ExitStack() as asked:
        before = threads(server)
        jobs = [asked.enter_context(ask(server, "/worker-hash?rounds=600000")) for _ in range(4)]
        most = 0

        def all_ended() -> bool:
            nonlocal most
            most = max(most, threads(server))
            return bool(queue(server, "worker_pool")["completions"] == len(jobs))

        until(all_ended)
        assert [answer(job)[0] for job in jobs] == [504] * len(jobs)
        assert most <= before + 1
        until(lambda: server.exchange("/worker-hash?rounds=1")[0] == 200)


def test_a_client_that_leaves_takes_back_all_that_it_asked_for_at_once() -> None:
    with node("--threads", "1") as server, ask(server, "/wait?ms=10000"):
        until(lambda: in_service(server) == 1)
        with socket.create_connection(server.address) as leaver:
            leaver.sendall(b"GET /wait?ms=1 HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
            until(lambda: queue(server, "native_pool")["waiting"] == 3)
        until(lambda: queue(server, "native_pool")["cancelled"] == 3)


def test_sigterm_lets_requests_in_flight_end() -> None:
    with node("--grace", "600") as server:
        with ask(server, "/wait?ms=1000") as waiter, socket.create_connection(server.address) as idle:
            until(lambda: in_service(server) == 1)
            server.process.send_signal(signal.SIGTERM)
            assert idle.recv(1) == b""  # an idle client is not waited for
            assert answer(waiter)[0] == 200
        assert server.process.wait(30) == 0


def test_who_connects_just_before_sigterm_may_ask_after_it() -> None:
    with node("--grace", "600") as server, ask(server, "/wait?ms=1000"):
        until(lambda: in_service(server) == 1)
        with socket.create_connection(server.address, timeout=30) as late:
            server.get("/health")  # it is accepted after the other
            server.process.send_signal(signal.SIGTERM)
            until(lambda: not accepts(server))
            late.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answer(late)[0] == 200


def test_who_was_answered_after_sigterm_may_still_be_sending() -> None:
    """The server drops what comes, for two seconds, instead of resetting the connection: a reset may take the reply away."""
    with node("--grace", "600") as server, ask(server, "/wait?ms=5000"):
        until(lambda: in_service(server) == 1)
        with socket.create_connection(server.address, timeout=30) as late:
            server.get("/health")  # it is accepted after the other
            server.process.send_signal(signal.SIGTERM)
            until(lambda: not accepts(server))
            late.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answer(late)[0] == 200
            time.sleep(0.8)  # the time to begin a request is over
            late.sendall(b"more")
            time.sleep(0.1)
            late.sendall(b"more")  # a reset would make this raise


@pytest.mark.parametrize(("grace", "signals"), [("0.1", 1), ("600", 2)])
def test_the_grace_ends_when_it_is_over_or_with_a_second_signal(grace: str, signals: int) -> None:
    with node("--grace", grace) as server, ask(server, "/wait?ms=10000") as holder:
        until(lambda: in_service(server) == 1)
        for _ in range(signals):
            server.process.send_signal(signal.SIGTERM)
            until(lambda: not accepts(server))
        assert server.process.wait(30) == 0
        with pytest.raises((ConnectionResetError, ValueError)):  # or there is no reply to read
            answer(holder)


def test_a_naive_server_does_not_end_all_that_is_queued_first() -> None:
    """Minutes of work, all of it in libuv's queue, where it cannot be cancelled."""
    jobs = 200
    with node("--threads", "1", "--profile", "naive", "--grace", "0") as server:
        with socket.create_connection(server.address) as client:
            client.sendall(b"GET /hash?rounds=2000000 HTTP/1.1\r\nHost: x\r\n\r\n" * jobs)
            until(lambda: queue(server, "native_pool")["arrivals"] == jobs)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(30) == 0


def test_no_server_outlives_the_process_that_watches_it() -> None:
    with node(expect=-signal.SIGKILL) as server:
        family = server.family()
        assert len(family) == 2
        server.process.kill()
        until(lambda: not any(lives(pid) for pid in family))


def test_a_port_that_is_taken_is_one_line_and_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = started("--port", port, stdin=subprocess.DEVNULL)
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [f"trio-lab: cannot listen on 127.0.0.1:{port}: address already in use"]


def test_a_file_is_no_lifeline() -> None:
    ended = started("--port", "0", "--control", stdin=subprocess.DEVNULL)
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == ["trio-lab: --control needs a pipe on standard input, not a file"]


def test_what_it_cannot_do_it_says() -> None:
    ended = started("--port", "0", "--control", "--json", input="threads 7\nrubbish\n")
    assert ended.returncode == 0
    assert ended.stderr.splitlines() == [
        'node cannot resize libuv\'s pool: "threads 7"',
        'not understood on standard input: "rubbish"',
    ]


def started(*flags: str, **how: Any) -> subprocess.CompletedProcess[str]:
    """A server that ends by itself."""
    command = [sys.executable, "-m", "trio_lab", "serve", "--runtime", "node", *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **how)
