"""A table of a TOML file that is read key by key. Every mistake is one line that names the file and the key."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..catalog import meant
from ..errors import UsageError
from ..records.reading import one_line


def read_toml(path: Path) -> dict[str, Any]:
    """
    Raises:
        UsageError: it cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{one_line(path)} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{one_line(path)} is not UTF-8 text") from None
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError
        raise UsageError(f"{one_line(path)}: {one_line(error)}") from None


_MOST = 1e300


class Table:
    """The keys of one table; ``name`` is what it is called in the file, "" for the file itself."""

    def __init__(self, values: Mapping[str, Any], where: str, name: str = "") -> None:
        self.values = dict(values)
        """As they are in the file."""
        self._where = where
        self._name = name
        self._known: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def __bool__(self) -> bool:
        return bool(self.values)

    def wrong(self, key: str, says: str) -> UsageError:
        """An error about this key."""
        full = f"{self._name}.{key}" if self._name and key else key or self._name
        return UsageError(f"{self._where}: {one_line(full)}: {says}" if full else f"{self._where}: {says}")

    def number(self, key: str, default: float | None = None, *, low: float = 0.0) -> float | None:
        """A number that is not less than ``low``."""
        value = self._take(key, None)
        if value is None:
            return default
        if not _is_number(value):
            raise self.wrong(key, f"must be a number, not {one_line(value, limit=40)!r}")
        if value < low:
            raise self.wrong(key, f"must be at least {low:g}, not {value:g}")
        return float(value)

    def count(self, key: str, default: int | None = None, *, low: int = 1) -> int | None:
        """A whole number that is not less than ``low``."""
        value = self.number(key, default, low=low)
        if value is not None and value != int(value):
            raise self.wrong(key, f"must be a whole number, not {value:g}")
        return None if value is None else int(value)

    def text(self, key: str, default: str = "") -> str:
        value = self._take(key, default)
        if not isinstance(value, str):
            raise self.wrong(key, f"must be text in quotes, not {one_line(value, limit=40)!r}")
        return value

    def flag(self, key: str) -> bool:
        value = self._take(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, f"must be true or false, not {one_line(value, limit=40)!r}")
        return value

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of numbers."""
        values = self._take(key, [])
        if not isinstance(values, list) or not all(map(_is_number, values)):
            raise self.wrong(key, "must be a list of numbers")
        return tuple(map(float, values))

    def table(self, key: str) -> Table:
        """The table of this name; an empty one if it is not there."""
        value = self._take(key, {})
        if not isinstance(value, Mapping):
            raise self.wrong(key, f"must be a table [{key}]")
        return Table(value, self._where, f"{self._name}.{key}" if self._name else key)

    def tables(self, key: str) -> Iterator[Table]:
        """The tables of a list of them."""
        values = self._take(key, [])
        if not isinstance(values, list) or not all(isinstance(one, Mapping) for one in values):
            raise self.wrong(key, f"must be tables [[{key}]]")
        return (Table(one, self._where, f"{key}[{number}]") for number, one in enumerate(values))

    def over(self, other: Table) -> Table:
        """These keys, and those of another table for what is not here."""
        return Table({**other.values, **self.values}, self._where, self._name if self.values else other._name)

    def done(self) -> None:
        """
        Raises:
            UsageError: there is a key that was not asked for.
        """
        for key in self.values:
            if key not in self._known:
                raise self.wrong(key, f"is not known here; {meant(key, self._known)}")

    def _take(self, key: str, default: Any) -> Any:
        self._known.append(key)
        return self.values.get(key, default)


def _is_number(value: Any) -> bool:
    """Whether it is one that a float can hold."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MOST
