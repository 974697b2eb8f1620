"""Unit (pure): judgement as tables that can be read aloud."""

from __future__ import annotations

import pytest

from trio_lab.diagnose.judge import checked, judge, passes
from trio_lab.records.figures import Check


@pytest.mark.parametrize(
    ("measured", "relation", "bound", "verdict"),
    [
        (24.9, "<", 25, True),
        (25.0, "<", 25, False),
        (25.0, "<=", 25, True),
        (0.96, ">=", 0.95, True),
        (1.0, ">", 1.0, False),
        (None, "<", 25, None),
        (float("nan"), "<", 25, None),
    ],
)
def test_passes(measured: float | None, relation: str, bound: float, verdict: bool | None) -> None:
    assert passes(measured, relation, bound) is verdict


def test_an_unknown_relation_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="relation"):
        passes(1.0, "~", 1.0)


FIGURES = {"small": 1.0, "large": 3.0, "unknown": None}
GOOD, BAD, OPEN = (Check(claim=name, figure=name, relation="<", bound=2.0) for name in FIGURES)


@pytest.mark.parametrize(
    ("checks", "outcome"),
    [
        ([GOOD, GOOD], "confirmed"),
        ([GOOD, BAD], "refuted"),
        ([GOOD, OPEN], "undecided"),
        ([BAD, OPEN], "refuted"),  # one failure refutes, whatever is missing beside it
        ([], "undecided"),
    ],
)
def test_judge(checks: list[Check], outcome: str) -> None:
    found = checked(checks, FIGURES)
    assert [check.measured for check in found] == [FIGURES[check.figure] for check in checks]
    assert judge(found) == outcome
