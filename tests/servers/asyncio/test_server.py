"""End to end: the asyncio server's life, and what the contract shared by all runtimes does not say."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.running import Running, running, until_gone
from tests.servers.clients import REQUEST, accepts, ask, never_reading, until_busy
from tests.waiting import until
from trio_lab.http.contract import STORMS
from trio_lab.measure.process import open_descriptors
from trio_lab.servers.asyncio.storms import storm

PATIENCE = 30


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(runtime="asyncio") as server:
        yield server


# The loop.


def test_health_sees_the_pass_that_a_hash_on_the_loop_makes(server: Running) -> None:
    server.get("/health")
    took = server.get("/sync-hash?rounds=120000")["durationMs"]
    loop = server.get("/health?reset=0")["loop"]
    assert loop["blind"] is None
    assert loop["max_ms"] >= took * 0.9


@pytest.mark.parametrize(("mode", "effect"), STORMS["asyncio"].items())
def test_a_storm_does_to_others_what_the_table_says(mode: str, effect: str) -> None:
    async def beats_beside_a_storm() -> int:
        beats, over = 0, False

        async def beat() -> None:
            nonlocal beats
            while not over:
                await asyncio.sleep(0)
                beats += 1

        heart = asyncio.create_task(beat())
        await asyncio.sleep(0)
        before = beats
        await storm(mode, 5_000)
        during, over = beats - before, True
        await heart
        return during

    beats = asyncio.run(beats_beside_a_storm())
    if effect == "starves":
        assert beats == 0
    elif effect == "crowds":
        assert 0 < beats < 50  # a pass has a thousand ticks
    else:
        assert beats > 2_500


# Clients that leave, and what must not be left of them.


@pytest.mark.parametrize("abrupt", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET /health HTTP/1.1\r\nHo",
        b"POST /hash HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc",
        b"POST /hash HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        REQUEST % b"/wait?ms=0" * 20,
    ],
    ids=["nothing", "half-a-head", "half-a-body", "bad-chunk", "pipelined"],
)
def test_clients_that_leave_take_nothing_with_them(server: Running, said: bytes, abrupt: bool) -> None:
    before = server.settled_descriptors()
    for _ in range(100):
        with socket.create_connection(server.address) as connection:
            connection.sendall(said)
            if abrupt:
                leave_abruptly(connection)
    while (open_descriptors(server.process.pid) or 0) > before:
        assert server.process.poll() is None, "the server is gone"
    assert server.get("/health")["runtime"] == "asyncio"


def leave_abruptly(connection: socket.socket) -> None:
    """With RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_what_follows_a_refused_request_does_not_cost_its_reply(server: Running) -> None:
    refused = b"GET /hash?" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    for _ in range(20):
        replies = server.raw(refused + REQUEST % b"/health")
        assert replies.count(b"HTTP/1.1 ") == 1
        assert replies.endswith(b'"}')


def test_an_offer_of_a_websocket_is_ignored(server: Running) -> None:
    offer = (
        b"Connection: close, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n"
    )
    reply = server.raw(b"GET /wait?ms=0 HTTP/1.1\r\nHost: x\r\n" + offer % b"dGhlIHNhbXBsZSBub25jZQ==" + b"\r\n")
    assert reply.startswith(b"HTTP/1.1 200")
    assert json.loads(reply.partition(b"\r\n\r\n")[2])["route"] == "/wait"


# How the server ends. (Leaving `running` expects exit code 0 and no process left.)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_in_flight_are_answered_after_the_signal(number: int) -> None:
    with running("--grace", "60", runtime="asyncio") as server:
        server.get("/worker-hash?rounds=1")  # a worker is ready: both requests begin at once
        asked = [ask(server, b"/wait?ms=1500"), ask(server, b"/worker-hash?rounds=2000000")]
        until_busy(server, 2)
        server.process.send_signal(number)
        for connection in asked:
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            connection.close()
        assert server.process.wait(PATIENCE) == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(server.address)


@pytest.mark.parametrize("profile", ["guarded", "naive"])
def test_the_grace_period_ends_what_takes_longer(profile: str) -> None:
    with running("--grace", "0.3", "--profile", profile, "--threads", "1", runtime="asyncio") as server:
        slow = [b"/fib?n=40", b"/wait?ms=10000", b"/wait?ms=10000", b"/wait?ms=10000&pool=default"]
        asked = [ask(server, target) for target in slow]
        until_busy(server, 2)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0
        for connection in asked:
            connection.close()


def test_a_second_signal_does_not_wait_for_the_grace_period() -> None:
    with running("--grace", "3600", runtime="asyncio") as server:
        asked = ask(server, b"/fib?n=40")
        until_busy(server, 1)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: not accepts(server))
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0  # an hour of grace is left
        asked.close()


def test_a_client_that_never_reads_does_not_hold_the_end_open() -> None:
    with running("--grace", "0.2", runtime="asyncio") as server:
        connection = never_reading(server)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0
        connection.close()


def test_a_pipeline_whose_replies_are_not_read_ends_with_its_client() -> None:
    with running("--grace", "3600", runtime="asyncio") as server:
        before = server.settled_descriptors()
        connection = never_reading(server)
        leave_abruptly(connection)
        while (open_descriptors(server.process.pid) or 0) > before:
            pass
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0  # whatever were left would have an hour


def test_a_killed_server_leaves_no_worker() -> None:
    with running("--workers", "2", runtime="asyncio", expect=-signal.SIGKILL) as server:
        family = server.family()
        assert len(family) == 3
        connection = ask(server, b"/fib?n=40")
        until_busy(server, 1)
        server.process.kill()
        server.process.wait()
        until_gone(family)
        connection.close()


def test_the_native_pool_is_resized_live() -> None:
    with running("--threads", "2", runtime="asyncio") as server:
        assert server.process.stdin is not None
        server.process.stdin.write(b"rubbish\nthreads 99999\nthreads 7\n")
        server.process.stdin.flush()
        while server.get("/health")["uvThreadpoolSize"] != 7:
            pass


@pytest.mark.parametrize(
    ("flags", "environ", "said"),
    [
        (["--json", "--port"], {}, "arguments"),
        ([], {"TRIO_LAB_THREADS": "0"}, "threads"),
        ([], {"TRIO_LAB_HOST": "a..b"}, "host name"),
    ],
)
def test_what_the_caller_can_put_right_is_one_line_and_a_two(
    flags: list[str], environ: dict[str, str], said: str
) -> None:
    command = [sys.executable, "-m", "trio_lab.servers.asyncio.serving", *flags]
    done = subprocess.run(
        command, env=os.environ | environ, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
