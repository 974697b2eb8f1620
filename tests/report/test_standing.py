"""Who is better: every round must say so, and by enough."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.report.compared import Rounds, figure
from tests.report.from_json import comparison_rows
from trio_lab.errors import UsageError
from trio_lab.records.codec import from_plain
from trio_lab.records.figures import Compared
from trio_lab.report.standing import overall, ratio_text, standing


def read(one: dict[str, Any]) -> Compared:
    return from_plain(Compared, one)


@pytest.mark.parametrize(
    ("trio", "asyncio", "when_lower_is_better"),
    [
        ((10, 10), (5, 6), "better"),
        ((10, 10), (20, 30), "worse"),
        ((10, 10), (9, 11), "even"),  # the rounds disagree
        ((10, 10), (9.7, 9.8), "even"),  # they agree, but on next to nothing
        ((10, 20), (9, 18), "better"),  # the machine was slower in round two, for both
        ((10,), (5,), "better"),
        ((0, 0), (3, 4), "worse"),  # no ratio to zero, and still no doubt
        ((0, 0), (0, 0), "even"),
        ((0, 4), (3, 5), "worse"),  # a round without a ratio tells nothing
        ((10, 10), (), None),
        ((), (5, 6), None),
        ((math.nan, math.nan), (5, 6), None),
        ((10, 10), (math.inf, math.inf), None),
    ],
)
def test_standing_beside_trio(trio: Rounds, asyncio: Rounds, when_lower_is_better: str | None) -> None:
    mirrored = {"better": "worse", "worse": "better", "even": "even", None: None}
    assert standing(read(figure(trio, asyncio)), "asyncio") == when_lower_is_better
    assert standing(read(figure(trio, asyncio, better="higher")), "asyncio") == mirrored[when_lower_is_better]


def test_trio_is_not_compared_with_itself() -> None:
    assert standing(read(figure((10,), (5,))), "trio") is None


@pytest.mark.parametrize(
    ("asyncio", "node", "said"),
    [
        ((5,), (5,), ("worse", "behind asyncio and node")),
        ((5,), (20,), ("worse", "behind asyncio")),
        ((20,), (10,), ("better", "ahead of asyncio")),
        ((10,), (10,), ("even", "even")),
        ((), (), (None, "")),
    ],
)
def test_what_trio_loses_is_said_first(asyncio: Rounds, node: Rounds, said: tuple[str | None, str]) -> None:
    assert overall(read(figure((10,), asyncio, node)), ("trio", "asyncio", "node")) == said


def test_one_row_a_figure_with_a_cell_for_each_runtime(comparison: dict[str, Any]) -> None:
    rows = [(row.experiment, row.better, row.cells) for row in comparison_rows(comparison)]
    assert rows == [
        (
            "native-pool-saturation",
            "lower",
            {
                "trio": "3.25 ms (3–3.5): behind asyncio",
                "asyncio": "2.45 ms (2.1–2.8), round by round 0.75× trio's: better",
                "node": "3.25 ms (3.1–3.4), round by round 1× trio's: even",
            },
        ),
        (
            "native-pool-sizing",
            "higher",
            {
                "trio": "41 ms (40–42): behind node",
                "asyncio": "30.5 ms (30–31), round by round 0.744× trio's: worse",
                "node": "51 ms (50–52), round by round 1.24× trio's: better",
            },
        ),
    ]


def test_a_ratio_that_may_not_be_the_quotient_of_the_medians_says_so() -> None:
    rounds = ((10.0, 100.0, 1000.0), (9.0, 20.0, 2000.0))
    assert ratio_text(read(figure(*rounds)), "asyncio") == "round by round 0.9× trio's"  # of the medians it is 0.2
    assert ratio_text(read(figure((10.0, 20.0), (5.0, 10.0))), "asyncio") == "0.5× trio's"
    assert ratio_text(read(figure((10.0,), ())), "asyncio") == ""


def test_run_on_one_runtime_compares_nothing(light: dict[str, Any]) -> None:
    assert comparison_rows(light) == []


def test_missing_runtime_has_no_column_unless_something_was_measured(comparison: dict[str, Any]) -> None:
    comparison["comparison"]["missing"] = {"node": "ended in the first round"}
    assert list(comparison_rows(comparison)[0].cells) == ["trio", "asyncio", "node"]
    for experiment in comparison["comparison"]["experiments"]:
        for one in experiment["figures"]:
            del one["values"]["node"], one["ratios"]["node"]
    assert list(comparison_rows(comparison)[0].cells) == ["trio", "asyncio"]


def test_rows_hold_nothing_that_steers_a_terminal(comparison: dict[str, Any]) -> None:
    first = comparison["comparison"]["experiments"][0]
    first["name"], first["figures"][0]["label"], first["figures"][0]["unit"] = "a\x1b[2Jb\nc", "d\ne", "\x07ms"
    comparison["comparison"]["runtimes"].append("ru\x1bby\n")
    row = comparison_rows(comparison)[0]
    assert (row.experiment, row.figure) == ("a [2Jb c", "d e")
    assert row.cells["ru by"] == "not measured"
    assert all(said.isprintable() for said in row.cells.values())


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"rounds": 0}, r"\$\.comparison\.rounds"),
        ({"rounds": 10**30}, r"\$\.comparison\.rounds"),
        ({"runtimes": "trio"}, r"\$\.comparison\.runtimes"),
        ({"missing": ["node"]}, r"\$\.comparison\.missing"),
        ({"experiments": [{"name": "a"}]}, r"\$\.comparison\.experiments\[0\]"),
        ({"differences": [3]}, r"\$\.comparison\.differences\[0\]"),
    ],
)
def test_wrong_type_is_refused(comparison: dict[str, Any], change: dict[str, Any], place: str) -> None:
    comparison["comparison"] |= change
    with pytest.raises(UsageError, match=place):
        comparison_rows(comparison)


def test_word_for_better_is_one_of_two(comparison: dict[str, Any]) -> None:
    comparison["comparison"]["experiments"][0]["figures"][0]["better"] = "trio"
    with pytest.raises(UsageError, match="better"):
        comparison_rows(comparison)


def test_row_of_a_difference_has_a_cell_for_each_column(comparison: dict[str, Any]) -> None:
    comparison["comparison"]["differences"][0]["rows"][1].append("one more")
    with pytest.raises(UsageError, match="row 2 has 4 cells for 3 columns"):
        comparison_rows(comparison)
