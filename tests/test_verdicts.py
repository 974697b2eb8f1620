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
    assert lines[-1].endswith("opposite to the majority: 1.")


def test_how_many_outcomes_were_decided_is_told_and_a_condition_that_decided_nothing_does_not_pass() -> None:
    open_ = {"a": ["undecided"] * 3, "b": ["undecided"]}
    (*_, last), holds = judged({"alone": ALONE, "slowed": {}, "neighbour": open_ | {"a": ["undecided", "confirmed"]}})
    assert holds, "slowed had no runs"
    assert "Decided: 100 of 100 alone, 0 of 0 slowed, 1 of 3 neighbour;" in last
    assert "nothing was decided" not in last
    (*_, last), holds = judged({"alone": ALONE, "neighbour": open_})
    assert not holds
    assert "Decided: 100 of 100 alone, 0 of 4 neighbour;" in last
    assert last.endswith("Where nothing was decided (neighbour), these runs do not show that verdicts hold.")
    assert not judged({"alone": open_})[1]


def test_an_experiment_that_is_mostly_undecided_must_not_be_confirmed_and_refuted_either() -> None:
    mostly = ALONE | {"c": ["undecided"] * 2 + ["confirmed"]}
    for beside, opposite in (("confirmed", 0), ("refuted", 1)):
        (*_, last), holds = judged({"alone": mostly, "neighbour": {"c": [beside]}})
        assert holds is not bool(opposite)
        assert f"opposite to the majority: {opposite}." in last
    assert not judged({"alone": ALONE, "neighbour": {"c": ["confirmed", "refuted"]}})[1]


def test_alone_nearly_all_must_agree() -> None:
    assert judged({"alone": {"a": ["confirmed"] * 49 + ["undecided"]}})[1]
    assert not judged({"alone": {"a": ["confirmed"] * 48 + ["undecided"] * 2}})[1]
    assert not judged({"alone": {"a": ["confirmed"] * 99 + ["refuted"]}})[1]
