"""End to end: one experiment on every runtime that is here, and the differences, in one report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from trio_lab.http.runtimes import RUNTIMES, lack


def trio_lab(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trio_lab", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


# Asks for each difference in one profile only, guarded and naive in turn. This saves starting a dozen servers.
ONE_PROFILE_EACH = """
from dataclasses import replace
from trio_lab.cli import main
from trio_lab.experiments import differences
differences.SCENARIOS = tuple(
    replace(scenario, profiles=scenario.profiles[n % 2 :][:1]) for n, scenario in enumerate(differences.SCENARIOS)
)
main()
"""


@pytest.mark.timeout(300)  # a dozen servers start in it
def test_compare_lays_the_runtimes_beside_each_other(tmp_path: Path) -> None:
    words = ("compare", "blocked-loop", "--quick", "--rounds", "1", "--dose", "0.1", "--json")
    command = [sys.executable, "-c", ONE_PROFILE_EACH, *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert results == json.loads((tmp_path / "trio-lab-report" / "results.json").read_text())
    here = [runtime for runtime in RUNTIMES if lack(runtime) is None]
    assert [entry["runtime"] for entry in results["experiments"]] == here
    comparison = results["comparison"]
    assert comparison["runtimes"] == list(RUNTIMES)
    assert set(comparison["missing"]) == set(RUNTIMES) - set(here)
    (compared,) = comparison["experiments"]
    blockers = {row[0]: row[1:] for row in compared["blockers"]["rows"]}
    assert list(blockers) == here
    for runtime, (where, _, label, count, *_) in blockers.items():
        if runtime == "node":
            assert "cannot tell" in where
        else:
            assert ("work.py" in where, label, count > 0) == (True, "GET /sync-hash", True)
    for figure in compared["figures"]:
        assert list(figure["values"]) == here
        assert set(figure["ratios"]) == set(here) - {"trio"}
    assert [one["name"] for one in comparison["differences"]] == ["disconnect", "timeout", "siblings", "shutdown"]
    for one in comparison["differences"]:
        assert {row[0] for row in one["rows"]} == set(here)
        assert one["columns"][1] != "profile" or len({row[1] for row in one["rows"]}) == 1
        assert all(len(row) == len(one["columns"]) for row in one["rows"])
        assert not any("not seen" in cell for row in one["rows"] for cell in row), one["rows"]
    page = (tmp_path / "trio-lab-report" / "index.html").read_text()
    assert all(runtime in page for runtime in here)
    assert all(text in page for text in ("Who blocked the loop", "GET /sync-hash"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--runtime", "java"), "runtime must be one or more of trio, asyncio, node"),
        (("run", "worker-scaling", "--runtime", "asyncio"), "worker-scaling is about Trio alone"),
        (("compare", "--rounds", "0"), "rounds must be between 1 and 100"),
    ],
)
def test_what_cannot_be_compared_is_one_line(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = trio_lab(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
