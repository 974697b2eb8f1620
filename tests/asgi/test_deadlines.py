"""Unit (pure): what the headers with a deadline mean. What means nothing is ignored."""

from __future__ import annotations

import pytest

from trio_lab.asgi.deadlines import grpc, parsers, plain

WORTHLESS = [
    "",
    "soon",
    "-1",
    "0",
    "0ms",
    "1e3",
    "nan",
    "inf",
    "1h",
    "86401",
    "1732590000",
    "1,5",
    "9" * 40,
    "1.2.3",
    "é",
]


@pytest.mark.parametrize(
    ("value", "seconds"), [("0.25", 0.25), ("1.5s", 1.5), ("250ms", 0.25), (" 2 s ", 2.0), ("86400", 86_400.0)]
)
def test_a_plain_deadline_is_in_seconds_or_has_a_unit(value: str, seconds: float) -> None:
    assert plain(value.encode()) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("1H", 3600.0), ("2M", 120.0), ("3S", 3.0), ("250m", 0.25), ("5u", 5e-6), ("99999999n", 0.099999999)],
)
def test_a_grpc_timeout_has_digits_and_a_unit(value: str, seconds: float) -> None:
    assert grpc(value.encode()) == pytest.approx(seconds)


@pytest.mark.parametrize("value", WORTHLESS)
def test_a_plain_deadline_without_a_meaning_is_ignored(value: str) -> None:
    assert plain(value.encode()) is None


@pytest.mark.parametrize("value", [*WORTHLESS, "1", "1.5S", "123456789m", "25H", "0m", "1 S"])
def test_a_grpc_timeout_without_a_meaning_is_ignored(value: str) -> None:
    assert grpc(value.encode()) is None


def test_each_header_is_read_in_its_own_way() -> None:
    found = parsers(["X-Patience", "GRPC-Timeout"])
    assert {name: parse(b"5") for name, parse in found.items()} == {b"x-patience": 5.0, b"grpc-timeout": None}
