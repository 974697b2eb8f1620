"""Records of any kind, made from the types of their fields."""

from __future__ import annotations

import dataclasses
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st

from trio_lab.records.chart import Table
from trio_lab.records.proof import Trial
from trio_lab.records.summary import BOUNDS, Buckets

# Within the range of a figure, and whole in JSON: rounding is tested where it is done.
NUMBERS = st.integers(-(10**9), 10**9).map(lambda n: n / 1024)
TEXTS = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    float: NUMBERS,
    int: st.integers(0, 2**53),
    bool: st.booleans(),
    type(None): st.none(),
    Any: JSON,
}


def made(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a type that a record's field may have."""
    origin, args = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if dataclasses.is_dataclass(hint):
        return _record(hint)
    if origin is Annotated:
        meta = next((one for one in args[1:] if isinstance(one, msgspec.Meta)), None)
        return made(args[0]) if meta is None else st.integers(int(meta.ge or 0), int(meta.le or 0))
    if origin is Literal:
        return st.sampled_from(args)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(made, args))
    if origin is dict:
        return st.dictionaries(made(args[0]), made(args[1]), max_size=3)
    assert origin is tuple, hint
    if args[-1] is Ellipsis:
        return st.lists(made(args[0]), max_size=3).map(tuple)
    return st.tuples(*map(made, args))


def _record(kind: Any) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind, include_extras=True)
    names = [field.name for field in dataclasses.fields(kind) if field.metadata.get("written", True)]
    fields = {name: st.deferred(lambda name=name: made(hints[name])) for name in names}
    if issubclass(kind, Table):  # whose rows are as wide as its columns
        fields["columns"] = st.tuples(TEXTS, TEXTS)
        fields["rows"] = st.lists(st.tuples(*[made(str | float | None)] * 2), max_size=3).map(tuple)
    if kind is Buckets:
        fields["counts"] = made(int).map(lambda count: (count,) * (len(BOUNDS) + 1))
    if kind is Trial:  # whose figures are over 0
        over_0 = st.integers(1, 10**9).map(lambda n: n / 1024)
        fields["looks"] = st.integers(1, 100)
        fields["pairs"] = st.lists(st.tuples(over_0, over_0), max_size=3).map(tuple)
    return st.builds(kind, **fields)
