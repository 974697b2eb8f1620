"""Unit (pure): how many rounds an experiment takes, and what they say together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.diagnose.test_gathering import NATIVE, load
from trio_lab.experiments.cases.blocked_loop import EXPERIMENT
from trio_lab.experiments.rounds import Round, another, judged, medians, typical
from trio_lab.experiments.verdict import _advice, result_of
from trio_lab.records.conditions import Disturbance
from trio_lab.records.figures import check

from .taken import taken

SPEED = check("speed", "speed", ">", 8)
COUNT = check("faults", "speed", "<=", 0, exact=True)


def speeds(*values: float | None, disturbance: Disturbance = "none") -> list[Round]:
    return [taken({"speed": value}, disturbance) for value in values]


@pytest.mark.parametrize(
    ("rounds", "more"),
    [
        ([], True),
        (speeds(*[9.0] * 5), True),
        (speeds(*[9.0] * 6), False),
        (speeds(*[9.0] * 5, 7.0), True),  # undecided
        (speeds(*[9.0] * 5, 7.0, 9.0, 9.0, 9.0), False),  # as many as there is time for
        (speeds(*[9.0] * 4, 7.0, 7.0, 9.0, 9.0, 9.0), False),
        (speeds(*[None] * 6), False),  # what is not measured in six is not measured in nine
        (speeds(9.0) + speeds(*[9.0] * 5, disturbance="much"), True),
        (speeds(*[9.0] * 6, disturbance="some"), False),
        ([taken({"speed": None}, failed=True)], False),
    ],
)
def test_rounds_are_added_while_the_outcome_is_open(rounds: list[Round], more: bool) -> None:
    assert another([SPEED], rounds) is more


@pytest.mark.parametrize(("least", "most"), [(1, 1), (2, 2), (3, 3), (4, 6), (6, 9), (8, 12)])
def test_rounds_are_added_only_where_so_many_can_decide_something(least: int, most: int) -> None:
    taken_ = next(count for count in range(20) if not another([SPEED], speeds(*[9.0, 7.0] * 10)[:count], least=least))
    assert taken_ == most


def test_one_round_is_enough_for_exact_claims() -> None:
    assert another([COUNT], [])
    assert not another([COUNT], speeds(0.0))
    assert another([COUNT, SPEED], speeds(9.0))


def test_a_median_is_that_of_the_rounds_that_have_the_figure() -> None:
    rounds = [taken({"a": 1.0, "b": None}), taken({"a": 3.0, "b": None}), taken({"a": 9.0, "b": 2.0})]
    assert medians(rounds) == {"a": 3.0, "b": 2.0}
    assert medians(rounds[:1]) == {"a": 1.0, "b": None}


def test_charts_are_those_of_the_round_in_the_middle() -> None:
    rounds = [taken({"a": a, "b": b}) for a, b in [(1.0, 9.0), (2.0, 2.0), (9.0, 1.0)]]
    assert typical(rounds) is rounds[1]


@given(st.lists(st.tuples(st.none() | st.floats(), st.none() | st.floats()), min_size=1, max_size=9))
def test_some_round_is_typical_whatever_was_measured(values: list[tuple[float | None, float | None]]) -> None:
    rounds = [taken({"a": a, "b": b}) for a, b in values]
    assert typical(rounds) in rounds


@pytest.mark.parametrize(
    ("values", "begins"),
    [
        ([9.0] * 6, "Do it."),
        ([7.0] * 6, "Here the prediction did not hold (speed)."),
        ([9.0] * 5 + [7.0], "This run did not decide it."),
    ],
)
def test_what_to_do_follows_from_the_outcome(values: list[float], begins: str) -> None:
    assert _advice("Do it.", judged([SPEED], speeds(*values))).startswith(begins)


@pytest.mark.parametrize(("disturbance", "first"), [("none", "native_pool"), ("some", "native_pool"), ("much", None)])
def test_only_rounds_that_count_name_the_first_full_queue(disturbance: Disturbance, first: str | None) -> None:
    rounds = [taken(dict.fromkeys(EXPERIMENT.declared("trio"), 1.0), disturbance)] * 6
    filled = [replace(one, collected=replace(one.collected, loads=[load(*[NATIVE] * 9)])) for one in rounds]
    found = result_of(EXPERIMENT, filled, runtime="trio", duration=1.0)
    assert found.first_full == first
    assert (found.confidence is None) == (first is None)
