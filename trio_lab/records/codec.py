"""How records become JSON and JSON becomes records: one codec for replies, results files and pipes between processes.

Inside, every duration is a float in seconds. In JSON its key says the unit: a field ``wait`` that is annotated with `MS` is
written as ``wait_ms``. The unit is declared once, beside the field, and no other module converts it.

A class says with ``NULL`` what is written for None (default: null), and with ``OPTIONAL`` which fields are left out when
they are None. A field whose metadata is `UNWRITTEN` is never written. "not observed" is read as None wherever None is
allowed. In a record that is written in its field's unit, not-a-number becomes null, and null not-a-number. Unknown keys are
ignored: a newer version may write more than this one reads.

Whether the figures of a record make sense is not checked here, but by its class when the record is made.

msgspec is imported when the first record is read or encoded: `to_plain` needs none, so a program can tell its figures where
msgspec is not installed.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

NOT_OBSERVED = "not observed"
UNWRITTEN: Mapping[str, bool] = types.MappingProxyType({"written": False})

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class In:
    """How a field stands in JSON: multiplied by ``factor``, rounded to ``digits``, under ``name`` or with a ``suffix``."""

    suffix: str = ""
    factor: float = 1.0
    digits: int | None = None
    name: str | None = None

    @property
    def scales(self) -> bool:
        """Whether the number in JSON differs from the one inside."""
        return self.factor != 1.0 or self.digits is not None


MS = In(suffix="_ms", factor=1e3, digits=4)
S = In(suffix="_s", digits=3)

Milliseconds = Annotated[float, MS]
"""Seconds inside, milliseconds in JSON."""
Seconds = Annotated[float, S]
Ratio = Annotated[float, In(digits=4)]
"""Without a unit: a share, or one figure divided by another."""


Converter = Callable[[Any], Any] | None
"""None: the value stays as it is."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    write: Converter
    read: Converter


@dataclass(frozen=True, slots=True)
class _Plan:
    """How records of one class become JSON, and JSON becomes what `msgspec.convert` takes for them."""

    fields: Mapping[str, _Field]
    write: Callable[[Any], dict[str, Any]]


def to_plain(record: Any, unit: In | None = None) -> dict[str, Any]:
    """A record as a dict of JSON values. Its floats are written in ``unit``, that of the field that holds the record."""
    return _plan(record.__class__, unit).write(record)


def encode(value: Any, kind: Any = None) -> bytes:
    """A record as JSON. ``kind`` is the type of a value that is not a record itself, such as ``tuple[Row, ...]``."""
    import msgspec

    write = to_plain if kind is None else _converters(kind)[0]
    return msgspec.json.encode(value if write is None else write(value))


def from_plain(kind: type[T], value: Any) -> T:
    """JSON values as a record, or as what else ``kind`` says.

    Raises:
        msgspec.ValidationError: they are not one; the text says where.
    """
    import msgspec

    _, read = _converters(kind)
    return msgspec.convert(value if read is None else read(value), kind)


def decode(kind: type[T], data: bytes | str) -> T:
    """JSON as a record.

    Raises:
        msgspec.DecodeError: it is no JSON, or not such a record (`msgspec.ValidationError`).
    """
    return from_plain(kind, json_values(data))


def json_values(data: bytes | str) -> Any:
    """JSON of unknown origin as plain values.

    Raises:
        msgspec.DecodeError: it is no JSON. msgspec itself has other errors for text that is not UTF-8, and for values that are
            nested too deeply.
    """
    import msgspec

    try:
        return msgspec.json.decode(data)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from None


@cache
def _plan(kind: Any, unit: In | None) -> _Plan:
    hints = get_type_hints(kind, include_extras=True)
    written = [field.name for field in dataclasses.fields(kind) if field.metadata.get("written", True)]
    fields = dict(_field(name, hints[name], unit) for name in written)
    return _Plan(fields, _writer(fields, getattr(kind, "NULL", None), getattr(kind, "OPTIONAL", ())))


def _writer(fields: Mapping[str, _Field], null: Any, optional: Collection[str]) -> Callable[[Any], dict[str, Any]]:
    """A function that writes a record as one expression: `/health` is asked for often, and a loop took 2.5 × as long."""
    names: dict[str, Any] = {"null": null}
    items = []
    for number, (key, field) in enumerate(fields.items()):
        names[f"write{number}"] = field.write
        value = "value" if field.write is None else f"write{number}(value)"
        items.append(f"{key!r}: null if (value := record.{field.name}) is None else {value}")
    write: Callable[[Any], dict[str, Any]] = eval(f"lambda record: {{{', '.join(items)}}}", names)
    left_out = [(key, field.name) for key, field in fields.items() if field.name in optional]
    return partial(_without, left_out, write) if left_out else write


def _without(left_out: list[tuple[str, str]], write: Callable[[Any], dict[str, Any]], record: Any) -> dict[str, Any]:
    found = write(record)
    for key, name in left_out:
        if getattr(record, name) is None:
            del found[key]
    return found


def _field(name: str, hint: Any, unit: In | None) -> tuple[str, _Field]:
    """A field and its key."""
    if unit is not None and hint is float:
        return name, _Field(name, _number(unit), partial(_read_null, math.nan, _unnumber(unit)))
    form, bare = _form(hint)
    write, read = _converters(hint)
    if type(None) in get_args(bare):
        read = partial(_read_observed, read)
    return (form.name or name + form.suffix) if form else name, _Field(name, write, read)


def _converters(hint: Any) -> tuple[Converter, Converter]:
    """How a value of this type is written, and how it is read."""
    form, hint = _form(hint)
    inner = _without_none(hint)
    if dataclasses.is_dataclass(inner):
        assert isinstance(inner, type)
        if form is not None and form.scales:
            return lru_cache(256)(partial(to_plain, unit=form)), partial(_read_record, inner, form)
        return to_plain, partial(_read_record, inner, None)
    if form is not None and form.scales:
        return _number(form), _unnumber(form)
    origin, args = get_origin(inner), get_args(inner)
    if origin is tuple and args[-1] is not Ellipsis:
        writers, readers = zip(*map(_converters, args), strict=True)
        return partial(_each, writers) if any(writers) else list, partial(_each, readers) if any(readers) else None
    if origin is tuple:
        write, read = _converters(args[0])
        return list if write is None else partial(_all, write), None if read is None else partial(_all, read)
    if origin is dict:
        write, read = _converters(args[1])
        return None if write is None else partial(_values, write), None if read is None else partial(_values, read)
    return None, None


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


def _number(form: In) -> Callable[[float], float | None]:
    factor, digits = form.factor, form.digits
    return lambda value: None if math.isnan(value) else round(value * factor, digits)


def _unnumber(form: In) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return value / form.factor if is_number and form.factor != 1.0 else value

    return read


# A value of another type than expected is passed on as it is: `msgspec.convert` says what is wrong with it, and where.


def _read_record(kind: Any, unit: In | None, value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    known = _plan(kind, unit).fields
    found = {}
    for key, item in value.items():
        if key in known:
            field = known[key]
            found[field.name] = item if field.read is None else field.read(item)
    return found


def _read_null(null: Any, read: Callable[[Any], Any], value: Any) -> Any:
    return null if value is None else read(value)


def _read_observed(read: Converter, value: Any) -> Any:
    if value == NOT_OBSERVED:
        return None
    return value if read is None else read(value)


def _each(converters: tuple[Converter, ...], values: Any) -> Any:
    """The values of a tuple with a type for each place."""
    if not isinstance(values, list | tuple) or len(values) != len(converters):
        return values
    return [value if convert is None else convert(value) for convert, value in zip(converters, values, strict=True)]


def _all(convert: Callable[[Any], Any], values: Any) -> Any:
    if not isinstance(values, list | tuple):
        return values
    return [None if value is None else convert(value) for value in values]


def _values(convert: Callable[[Any], Any], values: Any) -> Any:
    return {key: convert(value) for key, value in values.items()} if isinstance(values, Mapping) else values
