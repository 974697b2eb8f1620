"""End to end: the command, the fault routes, and two drills for real with tiny doses."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running import Running, running
from trio_lab.config import Config
from trio_lab.drills.catalog import DRILLS
from trio_lab.errors import UsageError


def drill(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trio_lab", "drill", *words], capture_output=True, text=True, timeout=110, check=False
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--gate", "--all"], "--gate"),
        (["no-such-drill"], "no-such-drill"),
        (["hung-job", "--dose", "nan"], "dose"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_users_mistake_is_one_line_and_exit_code_2(words: list[str], said: str) -> None:
    done = drill(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_without_a_name_the_drills_are_listed() -> None:
    done = drill()
    assert (done.returncode, done.stderr) == (0, "")
    assert {line.split()[0] for line in done.stdout.splitlines()[1:]} == {one.name for one in DRILLS}


def test_help_explains() -> None:
    done = drill("--help")
    assert done.returncode == 0
    assert "--gate" in done.stdout


def test_two_drills_pass_beside_controls_that_fail(tmp_path: Path) -> None:
    done = drill("sudden-death", "poison-jobs", "--dose", "0.05", "--json", "--out", str(tmp_path))
    results = json.loads(done.stdout)
    assert json.loads((tmp_path / "drills.json").read_text()) == results
    assert "2 of 2 drills passed" in (tmp_path / "index.html").read_text()
    assert [entry["name"] for entry in results["drills"]] == ["sudden-death", "poison-jobs"]
    for entry in results["drills"]:
        assert entry["passed"], entry
        assert entry["control"]["failed"]
        assert {check["relation"] for check in entry["checks"]} <= {"<", "<=", ">", ">="}
    assert done.returncode == 0


@pytest.fixture(scope="module", params=["trio", "asyncio"])
def server(request: pytest.FixtureRequest) -> Iterator[Running]:
    with running("--faults", "--workers", "1", "--run-timeout", "0.3", runtime=request.param) as server:
        yield server


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/fault/wait?id=7&ms=1", 200),
        ("/fault/leave", 502),
        ("/fault/loop", 504),
        ("/fault/no-such-fault", 400),
        ("/fault/wait?ms=99999999", 400),
    ],
)
def test_a_fault_becomes_the_status_it_always_becomes(server: Running, target: str, status: int) -> None:
    assert server.request(target)[0] == status


def test_there_are_replies_and_bodies_to_be_slow_with(server: Running) -> None:
    for way in ("streamed", "whole"):
        assert len(server.exchange(f"/fault/large/{way}")[2]) == 30_000_000
    asked = b"POST /fault/body HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
    assert server.raw(asked).endswith(b'{"bytes":3}')


def test_the_inside_is_told(server: Running) -> None:
    inside: Any = server.get("/fault")
    assert inside["tasks"] > 1
    if server.runtime == "trio":
        assert inside["shared_threads"]["waiting"] == 0
        assert server.request("/fault/look-up")[0] == 200


def test_faults_are_off_unless_asked_for() -> None:
    with running("--workers", "1", TRIO_LAB_FAULTS="1") as server:
        assert server.request("/fault/wait")[0] == 404
        assert server.request("/fault")[0] == 404


def test_faults_are_for_this_machine_alone() -> None:
    with pytest.raises(UsageError, match="host"):
        Config(host="0.0.0.0", faults=True)
