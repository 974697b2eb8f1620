"""How long the lab takes is said in one place, `expected_s` of each experiment; whoever says it elsewhere says the same."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trio_lab.cli.listing import QUICK_DOSE, list_, minutes_of
from trio_lab.cli.run import compare, run
from trio_lab.experiments.catalog import EXPERIMENTS
from trio_lab.http.runtimes import RUNTIMES

from .test_commands import PAGES, ROOT

LAB, COMPARED = minutes_of(("trio",)), minutes_of(RUNTIMES, dose=QUICK_DOSE)
COMMANDS = {"make lab": LAB, "trio-lab run --quick": LAB, "trio-lab compare --quick": COMPARED}
ABOUT_OTHERS = {
    "adaptive-limits.md",
    "bench.md",
    "drills.md",
    "jobs.md",
    "live.md",
    "metrics.md",
    "mutants.md",
    "observe.md",
    "scenarios.md",
}  # pages whose other minutes are not the lab's
_MINUTES = re.compile(r"([\w–-]+) minutes\b")


def wrong(text: str, *, others: bool = False) -> list[str]:
    """Lines with a number of minutes that is not that of the command beside it."""
    found = []
    for line in text.splitlines():
        for said in _MINUTES.findall(line):
            wanted = {str(minutes) for command, minutes in COMMANDS.items() if command in line}
            if said not in wanted and (wanted or not others):
                found.append(line)
    return found


def test_wrong_minutes_are_found() -> None:
    assert wrong(f"make lab takes {LAB} minutes") == []
    assert len(wrong(f"make lab takes {LAB + 1} minutes\nabout three minutes")) == 2
    assert len(wrong(f"make lab takes {LAB + 1} minutes\nabout three minutes", others=True)) == 1


@pytest.mark.parametrize("page", [*PAGES, ROOT / "Makefile"], ids=lambda page: page.name)
def test_the_minutes_in_the_documents_are_those_of_the_program(page: Path) -> None:
    assert wrong(page.read_text(encoding="utf-8"), others=page.name in ABOUT_OTHERS) == []


@pytest.mark.parametrize("command", [run, compare, list_])
def test_help_says_no_minutes(command: Callable[..., Any]) -> None:
    assert "minutes" not in (command.__doc__ or "minutes")


def test_the_list_says_how_long_the_lab_takes() -> None:
    said = subprocess.run([sys.executable, "-m", "trio_lab", "list"], capture_output=True, text=True, check=True).stdout
    last = said.splitlines()[-1]
    assert f"`trio-lab run --quick` takes about {LAB} minutes, `trio-lab compare --quick` {COMPARED}." in last


def test_the_seconds_of_the_first_experiment_are_those_of_the_program() -> None:
    (found,) = re.findall(
        r"trio-lab run ([\w-]+) --quick\n```\n\nAfter about (\d+) seconds on", (ROOT / "docs" / "index.md").read_text()
    )
    assert found in {(one.name, f"{one.expected_s:g}") for one in EXPERIMENTS}
