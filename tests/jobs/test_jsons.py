"""Unit: JSON as the standard library has it."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_lab.jobs.jsons import read_json, write_json

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()))
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@given(values)
def test_what_is_read_is_what_the_standard_library_reads(value: Any) -> None:
    text = write_json(value)
    assert repr(read_json(text)) == repr(json.loads(json.dumps(value)))  # not a number is equal to nothing


@pytest.mark.parametrize("value", [{1, 2}, object(), b"", 1j, MappingProxyType({})])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        write_json(value)


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", "nul", pytest.param("[" * 100_000 + "]" * 100_000, id="deep")])
def test_what_is_no_json_is_nothing(text: str) -> None:
    assert read_json(text) is None
