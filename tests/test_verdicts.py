"""Unit (pure): how the outcomes of many runs are judged. The runs themselves take hours: `make verdicts`."""

from __future__ import annotations

from tests.verdicts import Outcomes, judged

ALONE: Outcomes = {"a": ["confirmed"] * 50, "b": ["refuted"] * 50}


def test_open_outcomes_beside_others_are_allowed_and_opposite_ones_are_not() -> None:
    held, holds = judged({"alone": ALONE, "neighbour": {"a": ["undecided"] * 9 + ["confirmed"], "b": ["undecided"]}})
    assert holds
    assert held[2] == "| a | 50 confirmed | 9 undecided, 1 confirmed |"
    lines, holds = judged({"alone": ALONE, "neighbour": {"a": ["confirmed"], "b": ["confirmed"]}})
    assert not holds
    assert lines[-1].endswith("opposite to it: 1.")


def test_alone_nearly_all_must_agree() -> None:
    assert judged({"alone": {"a": ["confirmed"] * 49 + ["undecided"]}})[1]
    assert not judged({"alone": {"a": ["confirmed"] * 48 + ["undecided"] * 2}})[1]
    assert not judged({"alone": {"a": ["confirmed"] * 99 + ["refuted"]}})[1]
