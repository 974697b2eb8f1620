"""How records become JSON and JSON becomes records: one codec for replies, results files and pipes between processes.

Inside, every duration is a float in seconds. In JSON its key says the unit: a field ``wait`` that is annotated with `MS`
stands there as ``wait_ms``. The unit is declared once, beside the field, so nobody multiplies by a thousand elsewhere.

A class says with ``NULL`` what stands for None (default: null), and with ``OPTIONAL`` which fields are left out when they
are None. "not observed" is read as None everywhere. In a record that is written in its field's unit, not-a-number becomes
null, and null not-a-number. Unknown keys are let through: a newer version may write more than this one reads.

Not here: what a record means, and whether its figures make sense. Its class checks that when it is made.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

NOT_OBSERVED = "not observed"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class In:
    """How a field stands in JSON: multiplied by ``factor``, rounded to ``digits``, under ``name`` or with a ``suffix``."""

    suffix: str = ""
    factor: float = 1.0
    digits: int | None = None
    name: str | None = None


MS = In(suffix="_ms", factor=1e3, digits=4)
S = In(suffix="_s", digits=3)

Milliseconds = Annotated[float, MS]
"""Seconds inside, milliseconds in JSON."""
Seconds = Annotated[float, S]
Ratio = Annotated[float, In(digits=4)]
"""Without a unit: a share, or one figure divided by another."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    key: str
    write: Callable[[Any], Any] | None
    """None: the value is JSON already."""
    read: Callable[[Any], Any]


def to_plain(record: Any) -> dict[str, Any]:
    """A record as a dict of JSON values."""
    fields, null, optional = _plan(_class_of(record))
    found: dict[str, Any] = {}
    for field in fields:
        value = getattr(record, field.name)
        if value is None:
            if field.name not in optional:
                found[field.key] = null
        else:
            found[field.key] = value if field.write is None else field.write(value)
    return found


def encode(record: Any) -> bytes:
    """A record as JSON."""
    return msgspec.json.encode(to_plain(record))


def from_plain(kind: type[T], value: Any) -> T:
    """JSON values as a record.

    Raises:
        msgspec.ValidationError: they are not one; the text says where.
    """
    return msgspec.convert(_read(kind, value), kind)


def decode(kind: type[T], data: bytes | str) -> T:
    """JSON as a record.

    Raises:
        msgspec.DecodeError: it is no JSON, or not such a record (`msgspec.ValidationError`).
    """
    return from_plain(kind, msgspec.json.decode(data))


def _class_of(record: Any) -> Any:
    return type(record)


@cache
def _plan(kind: Any) -> tuple[tuple[_Field, ...], Any, frozenset[str]]:
    hints = get_type_hints(kind, include_extras=True)
    fields = tuple(_field(field.name, hints[field.name]) for field in dataclasses.fields(kind))
    return fields, getattr(kind, "NULL", None), frozenset(getattr(kind, "OPTIONAL", ()))


def _field(name: str, hint: Any) -> _Field:
    form, hint = _form(hint)
    if form is None:
        return _Field(name, name, _writer(hint), lambda value: _read(hint, value))
    key = form.name or name + form.suffix
    inner = _without_none(hint)
    if dataclasses.is_dataclass(inner):
        assert isinstance(inner, type)
        return _Field(name, key, lru_cache(256)(_scaled(inner, form)), _unscaled(inner, form))
    if form.factor == 1.0 and form.digits is None:
        return _Field(name, key, _writer(hint), lambda value: _read(hint, value))
    return _Field(name, key, _number(form), _unnumber(form))


def _form(hint: Any) -> tuple[In | None, Any]:
    """What an annotation says of JSON, also inside ``X | None``, and the type without it."""
    if get_origin(hint) is Annotated:
        base, *extras = get_args(hint)
        form = next((extra for extra in extras if isinstance(extra, In)), None)
        return form, base if form is not None else hint
    if get_origin(hint) in (typing.Union, types.UnionType):
        found = [_form(part) for part in get_args(hint)]
        form = next((form for form, _ in found if form is not None), None)
        if form is not None:
            return form, typing.Union[tuple(part for _, part in found)]  # noqa: UP007  (made from a list)
    return None, hint


def _without_none(hint: Any) -> Any:
    parts = [part for part in get_args(hint) if part is not type(None)]
    return parts[0] if get_origin(hint) in (typing.Union, types.UnionType) and len(parts) == 1 else hint


def _number(form: In) -> Callable[[float], float]:
    factor, digits = form.factor, form.digits
    return lambda value: round(value * factor, digits)


def _unnumber(form: In) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return value / form.factor if is_number and form.factor != 1.0 else value

    return read


def _scaled(kind: type, form: In) -> Callable[[Any], dict[str, Any]]:
    """A record whose floats are all in the unit of the field that holds it; counts stay what they are."""
    names = [field.name for field in dataclasses.fields(kind)]
    floats = {field.name for field in dataclasses.fields(kind) if field.type in ("float", float)}
    number = _number(form)

    def write(record: Any) -> dict[str, Any]:
        values = {name: getattr(record, name) for name in names}
        return {
            name: value if name not in floats else None if math.isnan(value) else number(value)
            for name, value in values.items()
        }

    return write


def _unscaled(kind: type, form: In) -> Callable[[Any], Any]:
    floats = {field.name for field in dataclasses.fields(kind) if field.type in ("float", float)}
    unnumber = _unnumber(form)

    def read(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {
            name: inner if name not in floats else math.nan if inner is None else unnumber(inner)
            for name, inner in value.items()
        }

    return read


def _writer(hint: Any) -> Callable[[Any], Any] | None:
    """How a value of this type becomes JSON; None when it is JSON already."""
    inner = _without_none(hint)
    if dataclasses.is_dataclass(inner):
        return to_plain
    origin, args = get_origin(inner), get_args(inner)
    if origin is tuple and args and args[-1] is not Ellipsis:
        return partial(_written_tuple, [_item(arg).write for arg in args])
    if origin in (tuple, list) and args:
        write = _writer(args[0])
        return list if write is None else partial(_written_list, write)
    if origin is dict and args:
        write = _writer(args[1])
        return None if write is None else partial(_written_dict, write)
    return None


@cache
def _item(hint: Any) -> _Field:
    """How one place of a tuple stands in JSON."""
    return _field("", hint)


def _written_tuple(writers: list[Callable[[Any], Any] | None], values: Iterable[Any]) -> list[Any]:
    return [value if write is None else write(value) for write, value in zip(writers, values, strict=True)]


def _written_list(write: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
    return [write(value) for value in values]


def _written_dict(write: Callable[[Any], Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: write(value) for key, value in values.items()}


def _read(hint: Any, value: Any) -> Any:
    """JSON values with every record in them under the names and in the units of its fields, for `msgspec.convert`."""
    inner = _without_none(hint)
    origin, args = get_origin(inner), get_args(inner)
    if dataclasses.is_dataclass(inner) and isinstance(value, Mapping):
        assert isinstance(inner, type)
        fields, _, _ = _plan(inner)
        known = {field.key: field for field in fields}
        return {
            known[key].name: None if item == NOT_OBSERVED else known[key].read(item)
            for key, item in value.items()
            if key in known
        }
    if origin in (tuple, list) and args and isinstance(value, (list, tuple)):
        if len(args) == 1 or args[-1] is Ellipsis:
            return [_read(args[0], item) for item in value]
        return (
            [_item(arg).read(item) for arg, item in zip(args, value, strict=False)]
            if len(args) == len(value)
            else value
        )
    if origin is dict and args and isinstance(value, Mapping):
        return {key: _read(args[1], item) for key, item in value.items()}
    return value
