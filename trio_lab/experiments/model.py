"""What an experiment is: a question, a prediction that figures can refute, and the way to those figures.

Experiments are data. A case states its checks before anything runs; `collect` returns figures and charts and never a
verdict, and the verdict can be made again from the saved figures.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ..diagnose.check import Check, Figures
from ..diagnose.judge import judge
from ..stage.stage import Stage

Chart = dict[str, Any]
Table = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a run brought: flat figures, charts as data, the queue that filled first, and a sentence or two on it.

    ``tables`` hold what is words rather than figures, as `charts.table` makes them.
    """

    figures: Figures
    charts: tuple[Chart, ...]
    first_full: str | None
    finding: str
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A figure that is laid beside the same figure of other runtimes. ``better`` is "lower" or "higher"."""

    figure: str
    label: str
    unit: str
    better: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """A question to a running server. ``order`` is its place in the lab; ``expected_s`` the seconds a quick run takes.

    With figures that are ``compared`` it can be run on every runtime. One that goes ``across`` the runtimes by itself is
    run once, whichever are asked for. All others are about Trio alone. Not all are part of the ``lab``, which is what runs
    when none is named: a newcomer has five minutes. Nor of the ``comparison``, which has six.
    """

    name: str
    title: str
    order: int
    expected_s: float
    question: str
    prediction: str
    checks: tuple[Check, ...]
    advice: str
    collect: Callable[[Stage], Awaitable[Evidence]]
    compared: tuple[Compared, ...] = ()
    across: bool = False
    lab: bool = True
    comparison: bool = True

    def runs_on(self, runtime: str) -> bool:
        return runtime == "trio" or self.across or bool(self.compared)

    def result(self, evidence: Evidence, *, runtime: str, duration_s: float) -> dict[str, Any]:
        """The entry of results.json."""
        checks = [check.against(evidence.figures) for check in self.checks]
        return {
            "name": self.name,
            "title": self.title,
            "runtime": runtime,
            "question": self.question,
            "prediction": self.prediction,
            "outcome": judge(checks),
            "finding": evidence.finding,
            "advice": self.advice,
            "first_full": evidence.first_full,
            "duration_s": round(duration_s, 1),
            "evidence": {
                "checks": checks,
                "figures": dict(evidence.figures),
                "charts": list(evidence.charts),
                "tables": list(evidence.tables),
            },
        }
