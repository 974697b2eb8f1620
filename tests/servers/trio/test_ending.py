"""End to end: every way a server ends, in the middle of work, and that nothing is left behind."""

from __future__ import annotations

import signal
import socket
import threading
import time

import pytest

from tests.running import running, until_gone
from tests.servers.clients import POOLS, accepts, ask, never_reading, until_busy
from tests.waiting import until
from trio_lab.measure.process import children, open_descriptors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_in_flight_are_answered_after_the_signal(number: int) -> None:
    with running("--grace", "60") as server:
        server.get("/worker-hash?rounds=1")  # a worker is ready: both requests begin at once
        asked = [ask(server, b"/wait?ms=1500"), ask(server, b"/worker-hash?rounds=2000000")]
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
        until(lambda: not accepts(server))
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0  # an hour of grace is left
        for connection in asked:
            connection.close()


def test_a_client_that_never_reads_does_not_hold_the_end_open() -> None:
    with running("--grace", "0.2") as server:
        connection = never_reading(server)
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


def test_work_done_for_a_client_that_left_is_no_fault_to_be_logged(capfd: pytest.CaptureFixture[str]) -> None:
    with running("--profile", "naive") as server:
        asked = ask(server, b"/wait?ms=200")
        until_busy(server, 1)
        asked.close()
        while server.queues()["native_pool"]["completions"] < 1:
            pass
    assert "Traceback" not in capfd.readouterr().err
