"""A results file of unknown origin becomes a record, or one line about what is wrong with it."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.records.making import JSON, made
from trio_lab.errors import UsageError
from trio_lab.records.chart import Chart
from trio_lab.records.codec import to_plain
from trio_lab.records.examination import Examination
from trio_lab.records.proof import Trial
from trio_lab.records.reading import one_line, read, read_examination, read_results
from trio_lab.records.result import Results

SAMPLE = json.loads((Path(__file__).parents[1] / "report" / "sample_results.json").read_text(encoding="utf-8"))


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside another."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(place for key, one in inner for place in places(one, (*here, key)))]


def shortened(value: Any) -> Any:
    """The same value with at most two entries in each list: further points of a chart would only repeat the first."""
    if isinstance(value, dict):
        return {key: shortened(inner) for key, inner in value.items()}
    return [shortened(inner) for inner in value[:2]] if isinstance(value, list) else value


SHORT = shortened(SAMPLE)
PLACES = places(SHORT)[1:]


def refusal(value: Any) -> str | None:
    """The error for results that cannot be read; None for those that can."""
    try:
        read_results(value)
    except UsageError as error:
        return str(error)
    return None


@settings(max_examples=150)
@given(place=st.sampled_from(PLACES), other=JSON)
def test_one_changed_value_is_read_or_refused_in_one_line(place: tuple[Any, ...], other: Any) -> None:
    changed = deepcopy(SHORT)
    *path, last = place
    inside = changed
    for key in path:
        inside = inside[key]
    inside[last] = other
    said = refusal(changed)
    assert said is None or ("\n" not in said and len(said) < 400)


TRIAL = Trial(variables={"A": "1"}, measure="throughput", clients=4, piece=0.5, looks=4, pairs=((1.0, 1.1),))
EXAMINATION = to_plain(Examination(url="http://localhost/", probe="http://localhost/", budget=1.0, trial=TRIAL))


def test_a_saved_examination_is_read_with_its_trial() -> None:
    assert read_examination(msgspec.json.encode(EXAMINATION)).trial == TRIAL


@pytest.mark.parametrize("wrong", [{"pairs": [[0.0, 1.0]]}, {"pairs": [[1.0, -2.0]]}, {"looks": 0}, {"pairs": [[1.0]]}])
def test_a_trial_of_which_no_effect_can_be_told_is_refused_in_one_line(wrong: dict[str, Any]) -> None:
    changed = EXAMINATION | {"trial": EXAMINATION["trial"] | wrong}
    with pytest.raises(UsageError, match=r"the examination cannot be read: .*trial"):
        read_examination(msgspec.json.encode(changed))


@settings(max_examples=20)
@given(results=made(Results))
def test_what_this_version_writes_it_reads(results: Results) -> None:
    plain = msgspec.json.decode(msgspec.json.encode(to_plain(results)))
    if plain["schema"] != 1:
        with pytest.raises(UsageError, match="this version reads schema 1"):
            read_results(plain)
    again = read_results(plain | {"schema": 1})
    assert again.quick == results.quick
    assert len(again.experiments) == len(results.experiments)


def test_a_run_saved_by_the_first_version_is_read_with_all_it_has() -> None:
    """Which wrote neither the dose nor what failed into this file."""
    results = read_results(SAMPLE)
    written = to_plain(results)
    assert written.keys() == SAMPLE.keys()
    for old, new in zip(SAMPLE["experiments"], written["experiments"], strict=True):
        outcome = old["outcome"].replace("not enough data", "undecided")  # as earlier versions said
        assert new == old | {"outcome": outcome, "evidence": new["evidence"], "failed": False, "notes": []}
        assert new["evidence"]["figures"] == old["evidence"]["figures"]
        assert new["evidence"]["checks"] == [check | {"exact": False} for check in old["evidence"]["checks"]]
        assert len(new["evidence"]["charts"]) == len(old["evidence"]["charts"])


def test_deep_nesting_is_refused() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(UsageError, match="cannot be read"):
        read_results(SAMPLE | {"environment": {"deep": deep}})


@pytest.mark.parametrize(
    ("text", "line"),
    [("a\x1b[2Jb\nc", "a [2Jb c"), ("\ud800x", "x"), ("x" * 400, "x" * 299 + "…"), (["a", 1], "['a', 1]")],
)
def test_one_line_is_one_line(text: object, line: str) -> None:
    assert one_line(text) == line


@pytest.mark.parametrize("at", [None, "25", [25]])
def test_a_rule_stands_at_a_number(at: Any) -> None:
    chart = SAMPLE["experiments"][0]["evidence"]["charts"][0]
    with pytest.raises(UsageError, match=r"the chart cannot be read: .*rules\[0\]"):
        read(Chart, chart | {"rules": [{"axis": "y", "at": at}]}, "chart")
