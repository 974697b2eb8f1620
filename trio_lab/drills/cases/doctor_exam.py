"""The doctor examines services whose fault is known, and does not know it.

Varied: the fault, how large it is, and the service around it, a server on plain sockets or a Quart app under hypercorn. Some
have two faults: the one that limits the service at the smaller load is the first. Some have another client, whose load
changes. Some are healthy: the load that they have to bear is well below what they can. The ramp is shorter than the quick one,
so a verdict takes a third of a minute.

What was seen is judged without its names (`exam.masked`), so nothing but figures can have told the fault. The control is a
naive doctor that blames the queue with the highest utilization; it judges the same evidence.

With ``--out`` what was seen of each service is kept there, and is not collected again.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from ...records.examination import Examination
from ...records.figures import Figures, check
from ...stage.stage import Stage
from ..aftermath import remembered
from ..exam.case import KINDS, TWO, Case, cases
from ..exam.marking import Doctor, confusion, naively, ours, scores
from ..exam.sitting import disturbed, seen
from ..model import Drill

_QUICK = ("blocking-line", "starvation", "few-threads", "slow-neighbour", "busy-crew", "held-around", TWO)
Evidence = Sequence[tuple[Case, Examination]]


async def _examine(stage: Stage, folder: Path) -> Evidence:
    kinds = _QUICK if stage.quick else KINDS
    chosen = cases(kinds, seeds=stage.count(10, quick=1), healthy=stage.count(20, quick=1))
    found = []
    for number, case in enumerate(chosen, 1):
        found.append((case, await seen(case, folder)))
        verdict = ours(*found[-1])
        stage.say(f"      {number} of {len(chosen)}: {case.name}, {'right' if verdict.right else f'WRONG: {verdict}'}")
    return found


async def _evidence(stage: Stage) -> Evidence:
    """Collected once, for both doctors."""
    if stage.out is not None:
        return await stage.first("evidence", partial(_examine, stage, stage.out / "evidence"))
    with TemporaryDirectory(prefix="trio-lab-exam-") as folder:
        return await stage.first("evidence", partial(_examine, stage, Path(folder)))


def _marked(stage: Stage, title: str, doctor: Doctor, found: Evidence) -> dict[str, float | None]:
    verdicts = [doctor(case, examination) for case, examination in found]
    stage.tables.append(confusion(title, verdicts))
    return scores(verdicts)


async def _inject(stage: Stage) -> Figures:
    figures: dict[str, float | None] = {}
    async with remembered(figures):
        found = await _evidence(stage)
    figures |= _marked(stage, "What the doctor said", ours, found)
    figures["disturbed"] = float(sum(disturbed(examination) for _, examination in found))
    return figures | {"naive_right_percent": scores([naively(*one) for one in found])["right_percent"]}


async def _control(stage: Stage) -> Figures:
    return _marked(stage, "What a naive doctor said", naively, await _evidence(stage))


DRILL = Drill(
    name="doctor-exam",
    number=25,
    gate=True,
    question="Services have faults that nobody told the doctor of: does it find the first one of each?",
    figures=(
        "right_percent",
        "first_of_two_percent",
        "changing_load_percent",
        "healthy",
        "healthy_ill",
        "cases",
        "disturbed",
        "naive_right_percent",
    ),
    checks=(
        check("first verdicts that are right", "right_percent", ">=", 95, "%"),
        check("two faults of which the first was named", "first_of_two_percent", ">=", 90, "%"),
        check("healthy services that were called ill", "healthy_ill", "<=", 0),
        check("first verdicts of the naive doctor that are right", "naive_right_percent", "<=", 60, "%"),
    ),
    inject=_inject,
    control=_control,
    twin="a doctor that blames the queue with the highest utilization",
)
