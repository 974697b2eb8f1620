"""The verdicts of a doctor on all cases, and how many are right. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ...diagnose.diagnosis import diagnose
from ...records.chart import Table
from ...records.examination import Examination
from .case import CHANGING, HEALTHY, TWO, Case
from .masked import Mask
from .naive import naive

NOTHING = "no finding"
WELL, ILL, UNTOLD = "well", "ill", "not told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """On one case: the first finding and the first queue. For a healthy service the finding is whether it is ill."""

    case: Case
    finding: str
    queue: str | None

    def __str__(self) -> str:
        return f"{self.finding} at {self.queue or 'no queue'}"

    @property
    def right(self) -> bool:
        """A healthy service is not called ill. Any other has the planted finding, and its queue if that is known."""
        if self.case.kind == HEALTHY:
            return self.finding != ILL
        planted = self.case.planted
        return self.finding in planted.findings and planted.queue in (None, self.queue)


Doctor = Callable[[Case, Examination], Verdict]


def ours(case: Case, seen: Examination) -> Verdict:
    """By the doctor, on evidence without names."""
    mask = Mask(case.seed)
    found = diagnose(mask.examination(seen))
    queue = next(
        (one for one in (case.planted.queue,) if one and mask.queue(one) == found.first_full), found.first_full
    )
    if case.kind == HEALTHY:
        return Verdict(case=case, finding={True: WELL, False: ILL, None: UNTOLD}[found.healthy], queue=queue)
    return Verdict(case=case, finding=found.findings[0].id if found.findings else NOTHING, queue=queue)


def naively(case: Case, seen: Examination) -> Verdict:
    """By the naive doctor, to whom a service is ill if any queue is full."""
    finding, queue = naive(seen)
    if case.kind == HEALTHY:
        finding = WELL if finding == HEALTHY else ILL
    return Verdict(case=case, finding=finding, queue=queue)


def scores(verdicts: Sequence[Verdict]) -> dict[str, float | None]:
    """How often the verdict was right, in per cent, and how many healthy services were called ill."""
    groups = {
        "right_percent": [one for one in verdicts if one.case.kind not in (HEALTHY, TWO)],
        "first_of_two_percent": [one for one in verdicts if one.case.kind == TWO],
        "changing_load_percent": [one for one in verdicts if one.case.kind == CHANGING],
    }
    healthy = [one for one in verdicts if one.case.kind == HEALTHY]
    return {
        **{name: _percent(group) for name, group in groups.items()},
        "healthy": float(len(healthy)),
        "healthy_ill": float(sum(not one.right for one in healthy)),
        "cases": float(len(verdicts)),
    }


def _percent(verdicts: Sequence[Verdict]) -> float | None:
    return 100 * sum(one.right for one in verdicts) / len(verdicts) if verdicts else None


def confusion(title: str, verdicts: Iterable[Verdict]) -> Table:
    """How often each kind of case got each finding. A right finding for a wrong queue has a column of its own."""
    rows: dict[str, Counter[str]] = {}
    for one in verdicts:
        elsewhere = not one.right and one.finding in one.case.planted.findings
        rows.setdefault(one.case.kind, Counter())[str(one) if elsewhere else one.finding] += 1
    said = sorted({finding for row in rows.values() for finding in row})
    return Table(
        title=title,
        columns=("planted", *said),
        rows=tuple((kind, *(row[finding] or None for finding in said)) for kind, row in sorted(rows.items())),
    )
