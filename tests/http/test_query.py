"""Unit (pure): query values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_lab.http.contract import Number
from trio_lab.http.query import BadQuery, choice, integer


class Query:
    def __init__(self, *values: str) -> None:
        self._values = list(values)

    def getlist(self, key: str) -> list[str]:
        return self._values if key == "n" else []


def read(*values: str) -> int:
    return integer(Query(*values), "n", {"n": Number(default=7, low=1, high=5_000)})


@given(st.integers(1, 5_000))
def test_every_number_in_range_is_read(number: int) -> None:
    assert read(str(number)) == number


@given(st.text().filter(lambda text: not (text.isascii() and text.isdigit())))
def test_whatever_is_not_plain_digits_is_refused(text: str) -> None:
    with pytest.raises(BadQuery):
        read(text)


@given(st.integers().filter(lambda n: not 1 <= n <= 5_000))
def test_whatever_is_out_of_range_is_refused(number: int) -> None:
    with pytest.raises(BadQuery):
        read(str(number))


def test_absent_is_the_default() -> None:
    assert read() == 7


def test_repeated_is_refused_even_when_equal() -> None:
    with pytest.raises(BadQuery, match="once"):
        read("1", "1")


def test_choice() -> None:
    assert choice(Query(), "n", {"n": ("a", "b")}) == "a"
    assert choice(Query("b"), "n", {"n": ("a", "b")}) == "b"
    with pytest.raises(BadQuery, match="a, b"):
        choice(Query("c"), "n", {"n": ("a", "b")})
