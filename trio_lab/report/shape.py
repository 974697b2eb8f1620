"""What a results file holds, as types. Everything the report draws has passed through `read`.

A file may have been edited, cut short, or sent by someone else. Checking it once, here, against these types means that
the rest of the package never asks whether a field is there; what does not fit becomes one line about where it does not.
Unknown keys are let through: a newer lab may write more than this one reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from trio_lab.errors import UsageError

SCHEMA = 1
"""The one schema number this version writes and reads."""

T = TypeVar("T")

Outcome = Literal["confirmed", "refuted", "not enough data"]
Role = Literal["good", "bad", "neutral"]
Kind = Literal["line", "bar", "step", "point"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis. ``categories`` means that the values are names (or numbers used as names), kept in the order given."""

    title: str
    log: bool = False
    categories: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line, or one bar of each group. A ``None`` in y is a gap: not measured, which is not zero."""

    name: str
    points: tuple[tuple[float | str | None, float | None], ...]
    role: Role | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A straight line across the plot at one value of one axis: a limit, or the moment something happened."""

    axis: Literal["x", "y"]
    at: float
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart as data: what it shows, not how it looks."""

    title: str
    kind: Kind
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    rules: tuple[Rule, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One claim of a prediction against its figure, both in ``unit``. `None`: not measured, neither held nor failed."""

    claim: str
    relation: Literal["<", "<=", ">", ">="]
    bound: float | None
    measured: float | None
    unit: str = ""
    figure: str = ""
    passed: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What is words rather than figures: one cell for each column in every row."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | None, ...], ...]
    note: str | None = None

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.columns):
                raise ValueError(f"row {number} has {len(row)} cells for {len(self.columns)} columns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The numbers an outcome rests on."""

    checks: tuple[Check, ...] = ()
    figures: dict[str, float | None] = field(default_factory=dict)
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """One experiment: what was asked, what was expected, what came of it. ``first_full`` ``None``: not observed."""

    name: str
    title: str
    runtime: str
    question: str
    prediction: str
    outcome: Outcome
    finding: str
    advice: str
    first_full: str | None
    duration_s: float
    evidence: Evidence
    notes: list[str] = field(default_factory=list)
    """What a reader of the figures should know about how they were measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A figure over the rounds of a comparison; `None`: not measured, or a ratio to nothing."""

    median: float | None
    min: float | None
    max: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One figure on every runtime, in ``unit``. ``ratios``: of that runtime's figure to trio's, round by round."""

    figure: str
    label: str
    unit: str
    better: Literal["lower", "higher"]
    values: dict[str, Spread]
    ratios: dict[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedExperiment:
    """One experiment over all runtimes; ``name`` is also that of the runtimes' own entries."""

    name: str
    title: str
    question: str
    figures: tuple[Compared, ...]
    chart: Chart | None
    finding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference(Table):
    """A difference between runtimes that is not speed, as a table that answers a question."""

    name: str
    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What one run on several runtimes says about them. ``missing``: a runtime and why it could not take part."""

    runtimes: tuple[str, ...]
    rounds: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    experiments: tuple[ComparedExperiment, ...]
    missing: dict[str, str] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A whole run. ``duration_s`` in seconds, ``created`` an ISO 8601 time in UTC. A run on one runtime compares none."""

    schema: int
    created: str
    quick: bool
    duration_s: float
    environment: dict[str, Any]
    experiments: tuple[Experiment, ...]
    comparison: Comparison | None = None


def read(results: Mapping[str, Any]) -> Results:
    """The results as types; `UsageError` says in one line where they are not what they should be."""
    if not isinstance(results, Mapping) or "schema" not in results or "experiments" not in results:
        raise UsageError("this is not a results file: it has no schema and experiments")
    if results["schema"] != SCHEMA:
        raise UsageError(f"results have schema {one_line(results['schema'])}; this version reads schema {SCHEMA}")
    return _convert(results, Results, "results")


def read_chart(chart: Mapping[str, Any]) -> Chart:
    """One chart as types; `UsageError` when it does not fit."""
    return _convert(chart, Chart, "chart")


def _convert(value: Mapping[str, Any], shape: type[T], what: str) -> T:
    try:
        return msgspec.convert(_printable(value), shape)
    except (msgspec.ValidationError, OverflowError, RecursionError) as error:
        raise UsageError(f"the {what} cannot be read: {one_line(error)}") from error


def _printable(value: Any) -> Any:
    """The same value with every unprintable character of its texts made a space; line breaks stay.

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
    """Text from a file made fit for one line: no control characters, no line breaks, no more than ``limit`` long."""
    text = " ".join(_printable(str(value)).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
