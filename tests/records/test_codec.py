"""Every record comes back from JSON as it was written."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.records.making import made
from trio_lab import records
from trio_lab.records.codec import In, Milliseconds, decode, encode, from_plain, to_plain

MODULES = [
    importlib.import_module(f"{records.__name__}.{found.name}") for found in pkgutil.iter_modules(records.__path__)
]
KINDS = sorted(
    {
        kind
        for module in MODULES
        for kind in vars(module).values()
        if dataclasses.is_dataclass(kind)
        and isinstance(kind, type)
        and not kind.__name__.startswith("_")
        and kind is not In
    },
    key=lambda kind: kind.__name__,
)


def test_all_records_are_found() -> None:
    names = {kind.__name__ for kind in KINDS}
    assert names >= {"QueueStatistics", "Health", "LoadResult", "Check", "Chart", "Table", "Spread", "Results"}
    assert names >= {"DrillResults", "BenchmarkResults"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=12)
@given(data=st.data())
def test_what_was_read_is_written_as_it_was(kind: type, data: st.DataObject) -> None:
    record = data.draw(made(kind))
    written = encode(record)
    read = decode(kind, written)
    assert encode(read) == written
    assert decode(kind, encode(read)) == read


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """A record in a record."""

    OPTIONAL: ClassVar[tuple[str, ...]] = ("left_out",)

    wait: Milliseconds | None
    size: Annotated[int, In(name="sizeInAll")]
    left_out: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    """With a text in place of null."""

    NULL: ClassVar[str] = "not observed"

    inner: tuple[Inner, ...]
    named: dict[str, Inner]
    text: str
    count: int | None


RECORD = Outer(inner=(Inner(wait=0.25, size=3),), named={"a": Inner(wait=None, size=1)}, text="ä", count=None)
PLAIN = {
    "inner": [{"wait_ms": 250.0, "sizeInAll": 3}],
    "named": {"a": {"wait_ms": None, "sizeInAll": 1}},
    "text": "ä",
    "count": "not observed",
}


def test_units_and_names_are_those_of_the_annotations() -> None:
    assert to_plain(RECORD) == PLAIN
    assert from_plain(Outer, PLAIN) == RECORD


def test_unknown_keys_are_let_through() -> None:
    assert from_plain(Outer, PLAIN | {"newer": [1]}) == RECORD


def test_not_observed_is_none_only_where_none_may_stand() -> None:
    assert from_plain(Outer, PLAIN | {"text": "not observed"}).text == "not observed"
    assert from_plain(Outer, PLAIN | {"count": 3}).count == 3


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"inner": [{"wait_ms": "1", "sizeInAll": 3}]}, r"\$\.inner\[0\]\.wait"),
        ({"inner": [3]}, r"\$\.inner\[0\]"),
        ({"named": []}, r"\$\.named"),
        ({"count": "many"}, r"\$\.count"),
        ({"text": None}, r"\$\.text"),
    ],
)
def test_what_does_not_fit_is_named_by_its_place(change: dict[str, Any], place: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=place):
        from_plain(Outer, PLAIN | change)


@pytest.mark.parametrize(
    "data", [b"", b"<p>It works!</p>", b'{"text": "\xff"}', b'"\xff"', b"[" * 100_000, b'{"a":' * 100_000]
)
def test_what_is_no_json_has_one_error(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(Outer, data)
