"""End to end: `trio-lab serve --runtime` becomes another program, or says in one line why it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import running


def serve(*flags: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trio_lab", "serve", *flags],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("flags", "environ", "said"),
    [
        (["--runtime", "moon"], {}, "runtime must be one of trio, asyncio, node"),
        (["--runtime", "asyncio", "--autoscale"], {}, "--autoscale is for the trio runtime"),
        (["--runtime", "asyncio", "--separate-pools"], {}, "--separate-pools is for the trio runtime"),
        (["--runtime", "node", "--faults"], {}, "--faults is for the trio or the asyncio runtime"),
        (["--runtime", "node", "--stall-budget", "1"], {}, "--stall-budget is for the trio or the asyncio runtime"),
        (["--runtime", "node"], {"TRIO_LAB_DEFAULT_THREADS": "3"}, "--default-threads is for the trio runtime"),
        (["--runtime", "asyncio", "--threads", "0"], {}, "threads must be between"),
        (["--runtime", "node"], {"PATH": "/nowhere"}, "node is not installed"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_served_is_one_line_and_a_two(flags: list[str], environ: dict[str, str], said: str) -> None:
    done = serve(*flags, **environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_old_node_is_refused(tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\necho v18.20.0\n")
    node.chmod(0o755)
    assert "older than 20" in serve("--runtime", "node", PATH=f"{tmp_path}:/bin:/usr/bin").stderr


def test_a_port_in_use_is_one_line_and_a_two() -> None:
    with running(runtime="asyncio") as server:
        done = serve("--runtime", "asyncio", "--port", str(server.address[1]))
        assert (done.returncode, done.stdout) == (2, "")
        assert "in use" in done.stderr
        assert done.stderr.count("\n") == 1


def test_options_and_environment_reach_the_other_program() -> None:
    with running("--profile", "naive", runtime="asyncio", TRIO_LAB_THREADS="9") as server:
        body = server.get("/health")
        assert (body["runtime"], body["profile"], body["uvThreadpoolSize"]) == ("asyncio", "naive", 9)
