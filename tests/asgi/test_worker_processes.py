"""End to end: a server with several worker processes, each of which watches its own loop."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.waiting import until


def test_each_worker_of_uvicorn_tells_its_own_stalls(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    log = tmp_path / "log"
    command = [sys.executable, "-m", "uvicorn", "--workers", "2", "--port", "0", "tests.asgi.watched_app:app"]
    seen: dict[int, list[str]] = {}

    def ask(_: int) -> None:
        with urlopen(f"{url}/block", timeout=30) as reply:
            told = json.loads(reply.read())
        assert not told["trio"]
        if "GET /block" in told["labels"]:
            seen[told["pid"]] = told["labels"]

    def both_seen() -> bool:
        list(clients.map(ask, range(4)))
        return len(seen) == 2

    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=out, stderr=out)
    try:
        until(lambda: log.read_text().count("startup complete") == 2 or process.poll() is not None)
        found = re.search(r"unning on (http://\S+)", log.read_text())
        assert found, log.read_text()
        url = found[1]
        with ThreadPoolExecutor(4) as clients:
            until(both_seen)
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    finally:
        process.kill()
        process.wait()
    assert process.pid not in seen
    told = log.read_text()
    assert "Traceback" not in told
    assert re.search(r"\d+ ms \(.*\): \S*watched_app.py:\d+ in block.*, GET /block", told)
