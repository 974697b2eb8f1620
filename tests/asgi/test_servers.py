"""End to end: the admission under real servers, on both event loops."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.waiting import until

APP = "tests.asgi.slow_app:app"
SERVERS = {
    "hypercorn on Trio": ["hypercorn", "-k", "trio", "-b", "127.0.0.1:0", APP],
    "hypercorn on asyncio": ["hypercorn", "-k", "asyncio", "-b", "127.0.0.1:0", APP],
    "uvicorn": ["uvicorn", "--port", "0", APP],
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    command = SERVERS[request.param]
    if find_spec(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    log = tmp_path_factory.mktemp("log") / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=Path(__file__).parents[2], stdout=out, stderr=out
        )
    try:
        until(lambda: "unning on" in log.read_text() or process.poll() is not None)
        found = re.search(r"unning on (http://\S+)", log.read_text())
        assert found, log.read_text()
        yield found[1]
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
        process.wait()


def get(url: str, data: bytes | None = None) -> bytes:
    with urlopen(url, data, timeout=30) as reply:
        body: bytes = reply.read()
    return body


def queue(server: str) -> Any:
    return json.loads(get(server + "/health"))


def test_a_body_sent_while_the_request_waits_arrives_and_clients_that_leave_are_dropped(server: str) -> None:
    with ThreadPoolExecutor(2) as clients:
        first = clients.submit(get, server + "/1", b"one")
        until(lambda: queue(server)["in_service"] == 1)
        second = clients.submit(get, server + "/2", b"two")
        until(lambda: queue(server)["waiting"] == 1)
        host, _, port = server.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as leaver:
            leaver.sendall(b"GET /3 HTTP/1.1\r\nHost: x\r\n\r\n")
            until(lambda: queue(server)["waiting"] == 2)
        until(lambda: queue(server)["cancelled"] == 1)
        for reply, body in ((first, b"one"), (second, b"two")):
            until(lambda: queue(server)["in_service"] == 1)
            get(server + "/go")
            assert reply.result(30) == body
    until(lambda: queue(server)["in_service"] == 0)
    assert queue(server)["completions"] == 2


def test_a_program_on_asyncio_need_not_load_trio(server: str) -> None:
    assert get(server + "/loop") in (b"Trio True", b"asyncio False")
