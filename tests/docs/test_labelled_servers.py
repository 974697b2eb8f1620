"""End to end: the examples of labelled apps under real servers on loopback tell what blocks them, and for which route."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.running import Running
from tests.waiting import until

from .test_commands import DOCS
from .test_examples import EXAMPLES, masked

SERVED = {
    "fastapi": ["-m", "uvicorn", "--port", "{port}", "labelled_fastapi:app"],
    "starlette": ["-m", "hypercorn", "-k", "asyncio", "-b", "127.0.0.1:{port}", "labelled_starlette:app"],
    "quart": ["-m", "hypercorn", "-k", "asyncio", "-b", "127.0.0.1:{port}", "labelled_quart:app"],
    "aiohttp": ["labelled_aiohttp.py", "{port}"],
}
ROUTE = {"quart": "/users/<user>/signature"}


@contextmanager
def served(name: str, log: Path) -> Iterator[Running]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-u", *(word.format(port=port) for word in SERVED[name])]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=EXAMPLES, stdout=out, stderr=out)
    try:
        until(lambda: "unning on http" in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield Running(process, f"http://127.0.0.1:{port}")
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("name", SERVED)
def test_a_stall_is_told_with_its_line_and_route(name: str, tmp_path: Path) -> None:
    for needed in (name, "hypercorn" if "hypercorn" in SERVED[name] else "uvicorn"):
        if find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    log = tmp_path / "log"
    route = re.escape(f"GET {ROUTE.get(name, '/users/{user}/signature')}")
    told = re.compile(rf"^\d+ ms \(python\): \S*labelled_{name}\.py:\d+ in sign, task \S+, {route}\b", re.MULTILINE)
    with served(name, log) as server:
        while not told.search(log.read_text()):
            assert server.exchange("/users/Ada/signature")[0] == 200
        if name == "fastapi":
            check_times(server.exchange("/times")[2])
            page = (DOCS / "labels.md").read_text().splitlines()
            line = next(line for line in page if "labelled_fastapi.py:" in line and re.match(r"\d+ ms", line))
            assert masked(line) in map(masked, log.read_text().splitlines())
    stalls = [line for line in log.read_text().splitlines() if re.match(r"\d+ ms \(", line)]
    assert not any("Ada" in line for line in stalls)
    assert "Traceback" not in log.read_text()


def check_times(reply: bytes) -> None:
    [route] = [one for one in json.loads(reply) if one["route"] == "GET /users/{user}/signature"]
    parts = {name: part["mean"] for name, part in route["parts"].items() if part != "not observed"}
    assert parts["loop"] > max(part for name, part in parts.items() if name != "loop")
    assert sum(parts.values()) == pytest.approx(route["total_ms"]["mean"], abs=0.01)
