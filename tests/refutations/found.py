"""What an experiment finds without and with its plant."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.planting import copied, planted
from trio_lab.diagnose.interval import LEAST
from trio_lab.diagnose.judge import checked_over, judge
from trio_lab.records.figures import Check
from trio_lab.records.result import ExperimentResult
from trio_lab.report.files import load

from .plants import Plant

# An experiment ends at half as many again as this if nothing is decided, and with fewer than six nothing is.
_ROUNDS = 4


def run(copy: Path, name: str) -> ExperimentResult:
    """What this copy of the lab finds in six quick rounds.

    Raises:
        RuntimeError: the experiment could not be run.
    """
    command = [sys.executable, "-m", "trio_lab", "run", name, "--quick", "--rounds", str(_ROUNDS), "--out", "found"]
    env = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{name} could not be run: {(done.stderr or done.stdout)[-500:]}")
    return load(copy / "found").experiments[0]


def over_all(result: ExperimentResult) -> ExperimentResult:
    """The result with every round counting."""
    assert result.rounds is not None
    checks = checked_over(result.evidence.checks, result.rounds, [True] * len(result.rounds))
    return replace(result, outcome=judge(checks), evidence=replace(result.evidence, checks=checks))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The results of an experiment with and without its plant.

    On a machine that others use, hardly any round counts and nothing is decided. A plant is larger than what a neighbour
    does, so then the plant's check is judged over all rounds, with the plant and without (``busy``).
    """

    plant: Plant
    changed: ExperimentResult
    unchanged: ExperimentResult

    @property
    def busy(self) -> bool:
        counted = sum(one.counted for one in self.changed.conditions or ())
        return self.changed.outcome == "undecided" and counted < LEAST

    @property
    def outcome(self) -> str:
        """With the plant."""
        return over_all(self.changed).outcome if self.busy else self.changed.outcome

    @property
    def check(self) -> Check:
        """The one that has to notice the plant."""
        return self._check(self.changed)

    @property
    def holds(self) -> bool:
        noticed = self.outcome == "refuted" and self.check.passed is False
        return noticed and self.unchanged.outcome != "refuted" and self._check(self.unchanged).passed is not False

    def _check(self, result: ExperimentResult) -> Check:
        checks = (over_all(result) if self.busy else result).evidence.checks
        return next(check for check in checks if check.figure == self.plant.fails)


def refutation(name: str, plant: Plant, *, say: Callable[[str], None]) -> Found:
    """Both results of one experiment."""
    with copied("trio_lab") as copy:
        with planted(copy, plant.fault):
            changed = run(copy, name)
        say(f"{plant.what}: {changed.outcome}")
        unchanged = run(copy, name)
        say(f"unchanged: {unchanged.outcome}")
    return Found(plant=plant, changed=changed, unchanged=unchanged)
