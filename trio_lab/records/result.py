"""What results.json holds: a run of experiments, what each found, and how the runtimes compare.

The definition of an experiment (its question, its prediction, the way to its figures) is `experiments.model.Experiment`;
the records here are what a run of it found.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from .chart import Chart, Table
from .codec import In, Ratio
from .conditions import Conditions
from .diagnosis import Diagnosis
from .figures import Check, Compared
from .timeline import Timeline

SCHEMA = 1
"""The one schema number that this version writes and reads."""

Outcome = Literal["confirmed", "refuted", "undecided"]
Duration = Annotated[float, In(suffix="_s", digits=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The numbers that an outcome rests on."""

    checks: tuple[Check, ...] = ()
    figures: dict[str, float | None] = field(default_factory=dict)
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentResult:
    """One experiment on one runtime: what was asked, what was predicted, what came of it.

    ``first_full`` is the queue that filled first: its name, "none", or None when that was not observed in a round that
    counts; ``confidence`` is how sure that is, from 0 to 1, by how many rounds named it. ``failed``: it could not be run,
    and ``finding`` says why. ``notes`` are what a reader of the figures should know about how they were measured. The
    figures are medians of the rounds that counted, and ``rounds`` has those of every round, with the ``conditions`` under
    which it was measured; ``timeline`` shows the most typical round. Results of earlier versions lack some of these.
    """

    OPTIONAL: ClassVar[tuple[str, ...]] = ("confidence", "rounds", "conditions", "timeline")

    name: str
    title: str
    runtime: str
    question: str
    prediction: str
    outcome: Outcome
    finding: str
    advice: str
    first_full: str | None
    confidence: Ratio | None = None
    duration: Duration
    evidence: Evidence
    failed: bool = False
    notes: tuple[str, ...] = ()
    rounds: tuple[dict[str, float | None], ...] | None = None
    conditions: tuple[Conditions, ...] | None = None
    timeline: Timeline | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedExperiment:
    """One experiment over all runtimes; ``name`` is also that of the runtimes' own results. ``blockers`` has the line that
    blocked the loop of each runtime's servers for the longest time; results of earlier versions lack it."""

    OPTIONAL: ClassVar[tuple[str, ...]] = ("blockers",)

    name: str
    title: str
    question: str
    figures: tuple[Compared, ...]
    chart: Chart | None
    finding: str
    blockers: Table | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference(Table):
    """A difference between runtimes that is not speed, as a table that answers a question."""

    name: str
    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What one run on several runtimes says about them. ``missing``: a runtime and why it could not take part."""

    runtimes: tuple[str, ...]
    missing: dict[str, str] = field(default_factory=dict)
    rounds: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    experiments: tuple[ComparedExperiment, ...]
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What the doctor said of the lab's own server at the end of a run: the ``path`` that was loaded, the diagnosis, and the
    ramp over time, without the pauses between its steps. ``failed`` says why it could not be carried out; then there is
    neither."""

    OPTIONAL: ClassVar[tuple[str, ...]] = ("failed",)

    path: str
    duration: Duration
    diagnosis: Diagnosis | None
    timeline: Timeline | None
    failed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run set out to do, so that one that was interrupted can go on: experiments by name, each on every runtime
    (where it can run) in so many ``rounds``; at the end the doctor examines the path ``doctor``."""

    OPTIONAL: ClassVar[tuple[str, ...]] = ("doctor",)

    experiments: tuple[str, ...]
    runtimes: tuple[str, ...]
    rounds: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    doctor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A run, whole or as far as it has come. ``created`` is an ISO 8601 time in UTC. A run on one runtime has no
    comparison, and one of an earlier version no plan. ``doctor`` is there if the lab was run as a whole."""

    OPTIONAL: ClassVar[tuple[str, ...]] = ("dose", "plan", "comparison", "doctor")

    schema: int = SCHEMA
    created: str
    quick: bool
    dose: float | None = None
    plan: Plan | None = None
    duration: Duration
    environment: dict[str, Any]
    experiments: tuple[ExperimentResult, ...]
    comparison: Comparison | None = None
    doctor: Examined | None = None

    @property
    def unexamined(self) -> bool:
        """Whether the doctor still has to come."""
        planned = self.plan is not None and self.plan.doctor is not None
        return planned and (self.doctor is None or self.doctor.failed is not None)

    @property
    def missing(self) -> tuple[str, ...]:
        """The planned experiments that have not been run: the run was interrupted."""
        done = {one.name for one in self.experiments}
        return tuple(name for name in self.plan.experiments if name not in done) if self.plan else ()
