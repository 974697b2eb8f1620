"""``--slo``, ``--baseline`` and ``--junit``: whether a run kept its objectives, as a table, as XML and as an exit code."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from ..errors import UsageError
from ..records.codec import json_values, to_plain
from ..records.slo import Objective, SloResult
from ..records.slo_text import read_slo
from .console import output

CODES: dict[bool | None, int] = {True: 0, False: 1, None: 2}
"""Exit codes: met, not met, could not be told."""

_VERDICTS = {True: ("met", "green"), False: ("NOT MET", "bold red"), None: ("could not tell", "yellow")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the options ask of a run. ``baseline`` is the content of the earlier run's file, ``junit`` the file to write."""

    objectives: tuple[Objective, ...] = ()
    baseline: Mapping[str, Any] | None = None
    junit: Path | None = None

    def judge(self, objectives: Iterable[Objective], *, quiet: bool) -> SloResult:
        """The verdict on judged objectives, printed unless ``quiet``."""
        result = SloResult.of(objectives)
        if not quiet:
            output().print(_table(result))
        return result

    def write(self, result: SloResult, *, suite: str, seconds: float) -> None:
        """Write a verdict as XML if that was asked for. All else is told before, because this may fail after all."""
        if self.junit is not None:
            from ..report.disk import write_whole
            from ..report.junit import junit_xml

            write_whole(self.junit, junit_xml(result, suite=suite, seconds=seconds))


def gate(slo: str | None, baseline: Path | None, junit: Path | None) -> Gate | None:
    """The options as a gate; None without any. It is made before anything runs, so that a mistake costs no time.

    Raises:
        UsageError: a file cannot be read, an objective makes no sense, or the file for the XML cannot be written.
    """
    if slo is None and baseline is None and junit is None:
        return None
    if junit is not None:
        check_file("junit", junit)
    return Gate(
        objectives=() if slo is None else read_slo(slo),
        baseline=None if baseline is None else _read(baseline),
        junit=junit,
    )


def check_file(name: str, file: Path) -> None:
    """Raises `UsageError` now if `write_whole` could not write ``file`` later, after a run of minutes."""
    special = file.exists() and not file.is_file()
    if file.is_dir() or not os.access(file if special else file.parent, os.W_OK):
        raise UsageError(f"{name} {str(file)!r} cannot be written")


def with_verdict(record: Any, verdict: SloResult | None, more: Mapping[str, object] | None = None) -> str:
    """A record as JSON, with ``more`` keys, and the verdict under ``slo`` if there is one."""
    found = {**to_plain(record), **(more or {})}
    if verdict is not None:
        found["slo"] = to_plain(verdict)
    return msgspec.json.encode(found).decode()


def _read(file: Path) -> Mapping[str, Any]:
    try:
        found = json_values(file.read_bytes())
    except OSError as error:
        raise UsageError(f"baseline {str(file)!r} cannot be read: {error.strerror}") from None
    except msgspec.DecodeError:
        raise UsageError(f"baseline {str(file)!r} is not JSON") from None
    if not isinstance(found, dict):
        raise UsageError(f"baseline {str(file)!r} is not a saved run")
    return found


def _table(result: SloResult) -> Table:
    from ..report.junit import figure_text, interval_text

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("objective", "measured", "interval", "verdict", ""):
        table.add_column(column, no_wrap=column in ("measured", "interval", "verdict"))
    for one in result.objectives:
        verdict = ("not judged", "dim") if one.skipped else _VERDICTS[one.passed]
        measured = "" if one.measured is None else f"{figure_text(one.measured)} {one.unit}"
        table.add_row(Text(one.claim), measured, interval_text(one), Text(*verdict), Text(one.note))
    return table
