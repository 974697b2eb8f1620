"""JSON of unknown origin as a record: a results file may have been edited, cut short, or sent by someone else.

It is checked once, here; code that uses the records need not check again. For a value that does not fit there is a
one-line error that says where it is. Unknown keys are ignored: a newer version may write more than this one reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from ..errors import UsageError
from .codec import from_plain, json_values
from .examination import SCHEMA as EXAMINATION
from .examination import Examination
from .result import SCHEMA, Results

T = TypeVar("T")

_UNDECIDED_ONCE = "not enough data"


def read_results(value: Any) -> Results:
    """The JSON values of a results file as a record.

    Raises:
        UsageError: they are not one; the text is one line.
    """
    if not isinstance(value, Mapping) or "schema" not in value or "experiments" not in value:
        raise UsageError("this is not a results file: it has no schema and experiments")
    if value["schema"] != SCHEMA:
        raise UsageError(f"results have schema {one_line(value['schema'])}; this version reads schema {SCHEMA}")
    return read(Results, _renamed(value), "results")


def read_examination(data: bytes) -> Examination:
    """What the doctor has saved, as a record.

    Raises:
        UsageError: it is none; the text is one line.
    """
    try:
        value = json_values(data)
    except msgspec.DecodeError as error:
        raise UsageError(f"this is not a saved examination: {one_line(error)}") from None
    if not isinstance(value, Mapping) or value.get("schema") != EXAMINATION:
        raise UsageError(f"this is not a saved examination: its schema is not {EXAMINATION}")
    return read(Examination, value, "examination")


def _renamed(value: Mapping[str, Any]) -> dict[str, Any]:
    """With the present word for an outcome that earlier versions called "not enough data"."""
    if not isinstance(experiments := value["experiments"], list):
        return dict(value)
    renamed = [
        {**one, "outcome": "undecided"} if isinstance(one, Mapping) and one.get("outcome") == _UNDECIDED_ONCE else one
        for one in experiments
    ]
    return {**value, "experiments": renamed}


def read(kind: type[T], value: Any, what: str) -> T:
    """JSON values as a record, without unprintable characters.

    Raises:
        UsageError: they are not one; the text is one line, which calls them the ``what``.
    """
    try:
        return from_plain(kind, _printable(value))
    except (msgspec.ValidationError, OverflowError, RecursionError) as error:
        raise UsageError(f"the {what} cannot be read: {one_line(error)}") from error


def _printable(value: Any) -> Any:
    """The same value with a space in place of every unprintable character; line breaks stay.

    Not only for looks: the converter of the charts takes the whole process down at a NUL, and half a surrogate pair
    cannot be written to a file.
    """
    if isinstance(value, str):
        if value.isprintable():
            return value
        return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in value)
    if isinstance(value, Mapping):
        return {_printable(key): _printable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(inner) for inner in value]
    return value


def one_line(value: object, *, limit: int = 300) -> str:
    """Text from a file as one line: without control characters and line breaks, at most ``limit`` long."""
    text = " ".join(_printable(str(value)).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
