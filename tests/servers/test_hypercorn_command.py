"""End to end: the apps under hypercorn's own command, which makes its own connections and runs the app in a child."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.running import Running, until_gone

APPS = {"trio": "trio_lab.server:app", "asyncio": "trio_lab.servers.asyncio.app:app"}
PATIENCE = 30.0


@contextmanager
def command(runtime: str, **environ: str) -> Iterator[Running]:
    """hypercorn's command with the app of a runtime, in a process group of its own as a terminal makes one."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hypercorn", "-k", runtime, "-b", "127.0.0.1:0", APPS[runtime]],
        env=os.environ | environ,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        address = b""
        while b"http://" not in address:
            address = process.stderr.readline()
            assert address, "hypercorn ended before it served"
        yield Running(process, address.split(b" on ", 1)[1].split()[0].decode(), runtime)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its children would outlive it
        process.communicate()


def kept_alive(server: Running, target: str) -> http.client.HTTPConnection:
    """A connection that has had a reply and is kept."""
    connection = http.client.HTTPConnection(*server.address, timeout=PATIENCE)
    connection.request("GET", target)
    reply = connection.getresponse()
    assert (reply.status, bool(reply.read()), reply.will_close) == (200, True, False)
    return connection


@pytest.mark.parametrize("runtime", APPS)
def test_the_environment_configures_and_every_pool_serves(runtime: str) -> None:
    with command(runtime, TRIO_LAB_THREADS="5", TRIO_LAB_WORKERS="1") as server:
        body = server.get("/health")
        assert (body["uvThreadpoolSize"], body["pool"]["workers"]) == (5, 1)
        assert server.queues()["accept_backlog"]["waiting"] == "not observed"  # the listening socket is hypercorn's
        for target in (
            "/hash?rounds=1",
            "/sync-hash?rounds=1",
            "/worker-hash?rounds=1",
            "/fib?n=1",
            "/tick-storm?count=10",
        ):
            assert server.get(target)["route"] in target
        assert server.raw(b"GET /hash?rounds=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").endswith(b"}")


@pytest.mark.parametrize("runtime", APPS)
@pytest.mark.parametrize("how", ["SIGTERM", "Ctrl-C"])
def test_it_ends_cleanly_with_clients_connected(runtime: str, how: str) -> None:
    with command(runtime, TRIO_LAB_WORKERS="1") as server:
        clients = [kept_alive(server, target) for target in ("/health", "/hash?rounds=1", "/worker-hash?rounds=1")]
        family = server.family()
        assert len(family) > 3  # the command, its child, and the child's worker at least
        if how == "SIGTERM":
            server.process.terminate()
        else:  # a terminal sends it to the whole group
            os.killpg(server.process.pid, signal.SIGINT)
        assert server.process.wait(PATIENCE) == 0
        for client in clients:
            assert client.sock.recv(1) == b""
            client.close()
        until_gone(family)  # multiprocessing's own resource tracker goes a moment after its parent
        assert server.process.stderr is not None
        assert server.process.stderr.read() == b""
