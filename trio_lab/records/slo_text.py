"""Objectives as people write them: a TOML file, or a line such as ``p99<200ms,ok>99%``.

In the file each key is a figure and its value the target: ``p99 = "< 200ms"``. A figure of an experiment is
``blocked-loop.health_p99_loop_ms = "> 25"``, a plain number in the unit that its name says. ``defaults = true`` adds the
targets of `DEFAULTS` for figures that the file does not name; in a line it is the word ``defaults``.

Every mistake is an error that names its place. A target in the wrong direction (``p99>200ms``) is a mistake, too: it would
pass whatever happens.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from ..catalog import meant
from ..errors import UsageError
from .figures import Relation
from .reading import one_line
from .slo import FIGURES, Objective

DEFAULTS = "loop_delay_p99<50ms, pool<80%, memory<70%, descriptors<10%, served>95%"
"""The usual targets of an async service: a loop that answers, pools with room, memory with room, descriptors that do not
leak, and replies in proportion to the load."""

_DEFAULTS = "defaults"
_TARGET = re.compile(r"\s*(<=|>=|<|>)\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([a-zµ%/]*)\s*", re.IGNORECASE)
_FACTORS = {"ms": {"us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}, "%": {"%": 1.0}, "/s": {"/s": 1.0, "": 1.0}}
_WRITE = {"ms": "200ms or 1.5s", "%": "99%", "/s": "100/s"}


def read_slo(text: str) -> tuple[Objective, ...]:
    """The objectives of ``--slo``: a line of them if there is a ``<`` or ``>`` in it, else the path of a file.

    Raises:
        UsageError: they cannot be read; the text is one line that names the place.
    """
    if text.strip() == _DEFAULTS or set("<>") & set(text):
        return _in_line(text)
    path = Path(text)
    try:
        content = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{one_line(text)} is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        hint = "" if "." in text else "; a line of objectives is like p99<200ms,ok>99%"
        raise UsageError(f"slo {one_line(text)!r} cannot be read: {reason}{hint}") from None
    return parse_toml(content, where=one_line(text))


def parse_toml(content: str, *, where: str = "slo.toml") -> tuple[Objective, ...]:
    """The objectives of a file. Raises what `read_slo` raises."""
    try:
        table = tomllib.loads(content)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        last = f"at line {len(content.splitlines())}, the last"
        raise UsageError(f"{where}: {one_line(error).replace('at end of document', last)}") from None
    return _all(((f"{where}: {key}", key, value) for key, value in _flat(table)), where)


def _in_line(text: str) -> tuple[Objective, ...]:
    return _all(((f"slo {part!r}", *_split(part)) for part in map(one_line, text.split(",")) if part), "slo")


def _split(part: str) -> tuple[str, Any]:
    """A part of a line as a key and its value."""
    name = re.match(r"[^<>=]*", part)
    assert name is not None
    key, value = name[0].strip(), part[name.end() :]
    return key, True if key == _DEFAULTS and not value else value


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Tables within tables as keys with dots."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield one_line(f"{before}{key}"), value


def _all(entries: Iterator[tuple[str, str, Any]], where: str) -> tuple[Objective, ...]:
    found: dict[str, Objective] = {}
    defaults = False
    for place, key, value in entries:
        if key == _DEFAULTS:
            if not isinstance(value, bool):
                raise UsageError(f"{place}: must be true or false, not {one_line(value)!r}")
            defaults = value
            continue
        objective = _objective(place, key, value)
        if objective.figure in found:
            raise UsageError(f"{place}: there are two targets for {objective.figure}")
        found[objective.figure] = objective
    if defaults:
        found = {one.figure: one for one in _in_line(DEFAULTS)} | found
    if not found:
        raise UsageError(f'{where}: there is no objective, such as p99 = "< 200ms" or defaults = true')
    return tuple(found.values())


def _objective(place: str, key: str, value: Any) -> Objective:
    name = key.replace(".", "_") if key.replace(".", "_") in FIGURES else key
    experiments_own = all(name.partition("."))
    if name not in FIGURES and not experiments_own:
        raise UsageError(f"{place}: unknown figure {key!r}; {meant(key, list(FIGURES))}")
    written = _TARGET.fullmatch(value) if isinstance(value, str) else None
    if written is None:
        raise UsageError(f'{place}: a target must be like "< 200ms" or "> 99%", not {one_line(value)!r}')
    relation, number, unit = written.groups()
    bound = float(number)
    if experiments_own and unit:
        raise UsageError(
            f"{place}: the target must be a number in the unit that the figure's name says, without {unit!r}"
        )
    if not experiments_own:
        bound *= _factor(place, name, unit.lower())
        _check_direction(place, name, relation)
    if not math.isfinite(bound):
        raise UsageError(f"{place}: the target {one_line(number, limit=20)} is too large")
    claim = f"{name} {relation} {number}{unit}"
    shown = "" if experiments_own else FIGURES[name].unit
    return Objective(claim=claim, figure=name, unit=shown, relation=cast(Relation, relation), bound=bound)


def _factor(place: str, name: str, unit: str) -> float:
    """What a number in this unit is multiplied by, to be in the unit of the figure."""
    factors = _FACTORS[wanted := FIGURES[name].unit]
    if unit not in factors:
        given = f"has the unit {unit!r}" if unit else "has no unit"
        raise UsageError(f"{place}: the target {given}; write it like {_WRITE[wanted]}")
    return factors[unit]


def _check_direction(place: str, name: str, relation: str) -> None:
    wanted = "<" if FIGURES[name].better == "lower" else ">"
    if relation[0] != wanted:
        raise UsageError(
            f"{place}: {name} is better when it is {FIGURES[name].better}; the target must begin with {wanted}"
        )
