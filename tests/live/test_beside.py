"""The process beside a service is started, started again, and never outlives the service."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.waiting import until
from trio_lab.live.beside import Beside
from trio_lab.measure.process import lives
from trio_lab.pools.restart import RestartPolicy

_SLEEPER = (
    "import sys; from trio_lab.worker.lifeline import tie_life; tie_life(int(sys.argv[1])); import time; time.sleep(60)"
)
_SERVICE = f"""
import sys, time
from trio_lab.live.beside import Beside
beside = Beside(lambda line: [sys.executable, "-c", {_SLEEPER!r}, str(line)], ())
beside.start()
while beside.pid is None:
    time.sleep(0.01)
time.sleep(0.3)
print(beside.pid, flush=True)
time.sleep(60)
"""

_FORKS = f"""
import os, sys
from trio_lab.live.beside import Beside
beside = Beside(lambda line: [sys.executable, "-c", {_SLEEPER!r}, str(line)], ())
beside.start()
if not (pid := os.fork()):
    files = [os.open(sys.argv[1], os.O_RDWR) for _ in range(20)]
    beside.stop()  # as the block does that the forked process leaves
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
beside.stop()
"""


def _sleeper(line: int) -> list[str]:
    return [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


def test_a_process_that_dies_is_started_again_and_ends_with_the_block() -> None:
    beside = Beside(_sleeper, ())
    beside.start()
    until(lambda: beside.pid is not None)
    first = beside.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    until(lambda: beside.starts == 2 and beside.pid is not None)
    second = beside.pid
    assert second is not None
    assert second != first
    beside.stop()
    assert not lives(second)


def test_a_process_that_cannot_live_is_not_started_too_often() -> None:
    beside = Beside(
        lambda line: [sys.executable, "-S", "-c", ""], (), policy=RestartPolicy(max_restarts=2, max_seconds=60)
    )
    beside.start()
    until(lambda: beside.starts == 2 and beside.pid is None)
    beside.stop()
    assert beside.starts == 2


def test_a_forked_process_that_leaves_the_block_writes_into_no_file_of_its_own(tmp_path: Path) -> None:
    (file := tmp_path / "file").touch()
    command = [sys.executable, "-W", "ignore", "-c", _FORKS, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert file.read_bytes() == b""


def test_it_dies_with_a_service_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", _SERVICE], stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        pid = int(service.stdout.readline())
        assert lives(pid)
        service.kill()
    until(lambda: not lives(pid))
