"""Unit (pure): durations, headers, stages and weighted URLs as they are written on a command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_lab.errors import UsageError
from trio_lab.load import notation
from trio_lab.load.patience import Patience

UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}
numbers = st.decimals(0, 1000, places=3).map(lambda number: f"{number:f}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5s", 5),
        ("2m", 120),
        ("500ms", 0.5),
        ("1m30s", 90),
        ("1h", 3600),
        ("250us", 25e-5),
        ("5", 5),
        (".5s", 0.5),
        ("1e-1", 0.1),
    ],
)
def test_a_duration_is_read_in_its_unit(text: str, expected: float) -> None:
    assert notation.seconds(text) == pytest.approx(expected)


@given(st.lists(st.tuples(numbers, st.sampled_from([*UNITS])), min_size=1, max_size=4))
def test_a_duration_is_the_sum_of_its_parts(parts: list[tuple[str, str]]) -> None:
    text = "".join(number + unit for number, unit in parts)
    assert notation.seconds(text) == pytest.approx(sum(float(number) * UNITS[unit] for number, unit in parts))


@given(st.text(alphabet="15.smhu e-+_", max_size=6))
def test_what_is_neither_a_number_nor_numbers_with_units_is_no_duration(text: str) -> None:
    with suppress(ValueError):
        number = float(text)
        assert notation.seconds(text) == number
        return
    if re.fullmatch(r"((\d+\.?\d*|\.\d+)(h|ms|us|m|s))+", text):
        assert notation.seconds(text) >= 0.0
    else:
        with pytest.raises(UsageError):
            notation.seconds(text)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=5))
def test_stages_are_read_in_order(stages: list[tuple[str, str]]) -> None:
    text = ",".join(f"{seconds}s@{rate}" for seconds, rate in stages)
    assert notation.stages(text) == tuple((float(seconds), float(rate)) for seconds, rate in stages)


def test_stages_may_be_written_with_units_and_spaces() -> None:
    assert notation.stages("1m@50, 500ms@0,3@2.5") == ((60.0, 50.0), (0.5, 0.0), (3.0, 2.5))


@given(
    st.lists(
        st.tuples(st.sampled_from(["http://a/x", "http://a/@y", "http://a/?q=@1&b"]), st.integers(1, 1000)), min_size=2
    )
)
def test_urls_and_weights_are_taken_apart(urls: list[tuple[str, int]]) -> None:
    assert notation.weighted([f"{url}@{weight}" for url, weight in urls]) == urls


def test_a_url_without_a_weight_counts_once_and_the_only_one_is_taken_as_it_is() -> None:
    assert notation.weighted(["http://a/x", "http://a/y@3"]) == [("http://a/x", 1), ("http://a/y", 3)]
    assert notation.weighted(["http://a/y@3"]) == [("http://a/y@3", 1)]


def test_a_header_is_a_name_and_a_value_without_the_space_around_it() -> None:
    assert notation.header("X-A:  b: c ") == ("X-A", "b: c")
    assert notation.header("X-Empty:") == ("X-Empty", "")


@pytest.mark.parametrize(
    ("text", "patience"),
    [
        ("1", Patience(seconds=(1.0,))),
        ("500ms", Patience(seconds=(0.5,))),
        ("0.3,1s,3", Patience(seconds=(0.3, 1.0, 3.0))),
        ("exp:1", Patience(seconds=(1.0,), exponential=True)),
    ],
)
def test_patience_is_one_value_several_or_a_mean(text: str, patience: Patience) -> None:
    assert notation.patience(text) == patience


def test_a_backoff_is_fixed_or_grows() -> None:
    assert notation.backoff("50ms") == (0.05, None)
    assert notation.backoff("50ms-2s") == (0.05, 2.0)


@pytest.mark.parametrize(
    ("read", "text"),
    [(notation.seconds, text) for text in ("", "s", "5 s", "5x", "5s3", "-5s", "1_0s", "5S")]
    + [(notation.stages, text) for text in ("", "10s", "10s50", "@50", "10s@", "10s@x", "10s@50,", "1x@5")]
    + [(notation.header, text) for text in ("", "X-A", "X-A=b")]
    + [(notation.patience, text) for text in ("", "x", "1,", "exp", "exp:", "exp:1,2", "log:1", "0", "-1")]
    + [(notation.backoff, text) for text in ("", "x", "-", "1-", "-1")],
)
def test_nonsense_is_refused_in_one_line(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert "\n" not in str(caught.value)
