"""Which failures a part that died excuses; and end to end: each part of a service of many hosts dies once."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.waiting import until
from trio_lab.diagnose.judge import checked
from trio_lab.drills.cases.many_hosts import DRILL, unprotected
from trio_lab.drills.part_loss import Call, Need, Outage, Outcome
from trio_lab.measure.process import family, lives
from trio_lab.stage.hosts import CONFIGURATION, Kind, haproxy, missing
from trio_lab.stage.stage import Stage

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "many-hosts"
DIED, DEAD, SERVED = 10.0, 10.1, 12.0
BEFORE, ACROSS, DYING, AWAY, AFTER = (8.0, 9.0), (9.9, 10.2), (10.05, 10.3), (11.0, 11.1), (12.5, 13.0)


@pytest.mark.parametrize(
    ("kind", "need", "when", "outcome", "excused"),
    [
        ("server", "jobs", ACROSS, "broken", True),
        ("server", "jobs", DYING, "broken", True),
        ("server", "jobs", AWAY, "broken", False),
        ("server", "jobs", AWAY, "refused", False),
        ("server", "compute", ACROSS, "broken", False),  # it only reads: the proxy sends it to the other server
        ("worker", "jobs", ACROSS, "broken", False),
        ("jobs", "jobs", ACROSS, "broken", True),
        ("jobs", "jobs", AWAY, "refused", True),
        ("jobs", "jobs", AWAY, "broken", False),  # nobody knows whether anything was begun
        ("jobs", "compute", ACROSS, "refused", False),
        ("jobs", "jobs", BEFORE, "refused", False),
        ("jobs", "jobs", AFTER, "refused", False),
        ("database", "database", AWAY, "refused", True),
        ("database", "jobs", AWAY, "refused", False),
        ("proxy", "compute", ACROSS, "broken", True),
        ("proxy", "compute", AWAY, "refused", True),
        ("proxy", "compute", AWAY, "broken", False),
    ],
)
def test_what_a_dead_part_excuses(
    kind: Kind, need: Need, when: tuple[float, float], outcome: Outcome, excused: bool
) -> None:
    outage = Outage(kind=kind, at=DIED, dead=DEAD, back=11.5, served=SERVED)
    assert outage.excuses(Call(need=need, begun=when[0], ended=when[1], outcome=outcome)) is excused


def test_the_drill_runs_what_the_example_gives() -> None:
    assert (EXAMPLE / "haproxy.cfg").read_text() == CONFIGURATION.read_text()


def test_the_controls_proxy_checks_and_retries_nothing(tmp_path: Path) -> None:
    text = unprotected()
    assert not re.search(r"\bcheck port|^ *(option redispatch|retry-on)| backup$|retries [1-9]", text, re.MULTILINE)
    if (program := haproxy()) is None:
        pytest.skip("HAProxy is not installed")
    for name, content in (("bare.cfg", text), ("haproxy.cfg", CONFIGURATION.read_text())):
        (tmp_path / name).write_text(content)
        told = {"LAB_PROXY": "127.0.0.1:9", "LAB_SERVER_1": "127.0.0.1:9", "LAB_SERVER_2": "127.0.0.1:9"}
        told |= {"LAB_LIVE_1": "9", "LAB_LIVE_2": "9"}
        done = subprocess.run([program, "-c", "-f", str(tmp_path / name)], env=told, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


needs_all = pytest.mark.skipif(bool(missing()), reason=f"not installed: {missing()}")


@pytest.mark.timeout(300)
@needs_all
def test_the_example_serves_until_ctrl_c() -> None:
    process = subprocess.Popen([sys.executable, str(EXAMPLE / "on_one.py")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        with process.stdout:
            lines = [process.stdout.readline() for _ in range(8)]
        names = ["jobs", "database", "server one", "server two", "worker one", "worker two", "proxy"]
        assert [line.partition(":")[0] for line in lines[:-1]] == names
        url = lines[-1].removeprefix("The proxy is at ").rstrip("/\n")
        with urlopen(f"{url}/jobs", json.dumps({"job": "hash", "args": {"rounds": 1}}).encode()) as reply:
            where = reply.headers["Location"]

        def succeeded() -> bool:
            with urlopen(url + where) as reply:
                return bool(json.load(reply)["state"] == "succeeded")

        until(succeeded)
        parts = family(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert not any(lives(pid) for pid in parts)
    finally:
        process.kill()
        process.wait()


@pytest.mark.timeout(300)  # eleven programs start, and each once more
@needs_all
async def test_each_part_dies_once_and_only_what_it_was_at_fails() -> None:
    stage = Stage(quick=True)
    figures = await DRILL.inject(stage)
    assert all(check.passed for check in checked(DRILL.checks, figures)), (figures, stage.notes)
    assert (figures["kills"], min(figures["calls"], figures["jobs"]) > 50) == (7, True)
