"""End to end: every way a server ends, in the middle of work, and that nothing is left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Running, alive, running
from trio_lab.measure.process import children, open_descriptors

ROOT = Path(__file__).parents[3]
POOLS = ("native_pool", "worker_pool", "default_limiter")
REQUEST = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"


def ask(server: Running, target: bytes) -> socket.socket:
    connection = socket.create_connection(server.address, timeout=30)
    connection.sendall(REQUEST % target)
    return connection


def until_busy(server: Running, jobs: int) -> None:
    while sum(server.queues()[name]["in_service"] for name in POOLS) < jobs:
        pass


def until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_in_flight_are_answered_after_the_signal(number: int) -> None:
    with running("--grace", "60") as server:
        asked = [ask(server, b"/wait?ms=5000"), ask(server, b"/worker-hash?rounds=2000000")]
        until_busy(server, 2)
        server.process.send_signal(number)
        for connection in asked:
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            connection.close()
        assert server.process.wait(30) == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(server.address)


def test_the_grace_period_ends_what_takes_longer() -> None:
    with running("--grace", "0.3", "--run-timeout", "60") as server:
        asked = [ask(server, b"/fib?n=40"), ask(server, b"/wait?ms=10000"), ask(server, b"/hash?rounds=2000000")]
        until_busy(server, 3)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
        for connection in asked:
            assert connection.recv(65536).startswith(b"HTTP/1.1 503")  # cut off, and told so
            connection.close()


def test_a_second_signal_does_not_wait_for_the_grace_period() -> None:
    with running("--grace", "3600") as server:
        asked = [ask(server, b"/fib?n=40")]
        until_busy(server, 1)
        server.process.send_signal(signal.SIGTERM)
        while _accepts(server):
            pass
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0  # an hour of grace is left
        for connection in asked:
            connection.close()


def _accepts(server: Running) -> bool:
    try:
        socket.create_connection(server.address).close()
    except (ConnectionRefusedError, ConnectionResetError):  # reset: it stopped to listen while we connected
        return False
    return True


def test_a_client_that_never_reads_does_not_hold_the_end_open() -> None:
    with running("--grace", "0.2") as server:
        connection = socket.create_connection(server.address)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        pipelined = REQUEST % b"/health?reset=0" * 500
        sent = 0
        try:
            while True:  # until the server no longer reads, because it can no longer send
                sent += connection.send(pipelined)
        except BlockingIOError:
            assert sent > 0
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
        connection.close()


def test_the_servers_end_of_standard_input_is_its_end() -> None:
    with running():
        pass  # leaving the block closes it, and expects exit code 0 and no process left


def test_a_killed_server_leaves_no_worker() -> None:
    with running("--workers", "2", expect=-signal.SIGKILL) as server:
        family = server.family()
        connection = ask(server, b"/fib?n=40")
        until_busy(server, 1)
        server.process.kill()
        server.process.wait()
        until_gone(family)
        connection.close()


def test_nothing_is_left_after_many_requests_of_every_kind() -> None:
    targets = [
        b"/hash?rounds=1",
        b"/worker-hash?rounds=1",
        b"/wait?ms=0",
        b"/health?reset=0",
        b"/nothing",
        b"/hash?rounds=x",
    ]
    with running() as server:
        pid = server.process.pid

        def load(leave: bool) -> None:
            for n in range(150):
                connection = ask(server, targets[n % len(targets)])
                if not leave:
                    assert connection.recv(65536).startswith(b"HTTP/1.1")
                connection.close()

        for _ in range(20):
            server.get("/hash?rounds=1")
        before = server.settled_descriptors(), children(pid)
        threads = [threading.Thread(target=load, args=(n % 2 == 0,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        deadline = time.monotonic() + 20
        while open_descriptors(pid) != before[0] and time.monotonic() < deadline:
            pass
        assert (open_descriptors(pid), children(pid)) == before
        queues = server.queues()
        assert {(queues[name]["in_service"], queues[name]["waiting"]) for name in POOLS} == {(0, 0)}


@pytest.fixture
def hypercorn() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "hypercorn", "-k", "trio", "-b", "127.0.0.1:0", "trio_lab.server:app"],
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | {"TRIO_LAB_THREADS": "5"},
    )
    yield process
    process.kill()
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_hypercorns_own_command_serves_and_ends(hypercorn: subprocess.Popen[bytes], number: int) -> None:
    assert hypercorn.stderr is not None
    address = b""
    while b"http://" not in address:
        address = hypercorn.stderr.readline()
        assert address, "hypercorn ended before it served"
    url = address.split(b" on ", 1)[1].split()[0].decode()
    server = Running(hypercorn, url)
    assert server.get("/health")["uvThreadpoolSize"] == 5
    for target in ("/hash?rounds=1", "/sync-hash?rounds=1", "/worker-hash?rounds=1", "/tick-storm?count=10"):
        assert server.get(target)["route"] in target
    family = [grandchild for child in children(hypercorn.pid) for grandchild in (child, *children(child))]
    assert len(family) > 1
    hypercorn.send_signal(number)
    assert hypercorn.wait(30) == 0
    until_gone(family)  # multiprocessing's own resource tracker goes a moment after its parent


def test_work_done_for_a_client_that_left_is_no_fault_to_be_logged(capfd: pytest.CaptureFixture[str]) -> None:
    with running("--profile", "naive") as server:
        asked = ask(server, b"/wait?ms=200")
        until_busy(server, 1)
        asked.close()
        while server.queues()["native_pool"]["completions"] < 1:
            pass
    assert "Traceback" not in capfd.readouterr().err
