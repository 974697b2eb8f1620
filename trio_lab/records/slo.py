"""What a service promises (its service level objectives), and whether the promises were kept.

An objective is a check with a note. It is judged by an *estimate*: a figure with its 95 % interval. So whatever measures a
figure (the load generator, `/health`, an experiment, the doctor) is judged by the same file, and by the same rule.

`FIGURES` has every figure that an objective can name. A figure of an experiment is named ``experiment.figure`` and is not
in the table: the experiment declares it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from .codec import In
from .figures import Check

Number = Annotated[float | None, In(digits=6)]
Unit = Literal["ms", "%", "/s"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """``side``: whether the clients see it, or the server tells it in `/health`."""

    unit: Unit
    better: Literal["lower", "higher"]
    side: Literal["client", "server"]
    says: str


def _client(unit: Unit, better: Literal["lower", "higher"], says: str) -> Figure:
    return Figure(unit=unit, better=better, side="client", says=says)


def _server(unit: Unit, says: str) -> Figure:
    return Figure(unit=unit, better="lower", side="server", says=says)


FIGURES: dict[str, Figure] = {
    "p50": _client("ms", "lower", "median latency, from the intended start"),
    "p90": _client("ms", "lower", "90th percentile of the latency"),
    "p99": _client("ms", "lower", "99th percentile of the latency"),
    "p99_9": _client("ms", "lower", "99.9th percentile of the latency"),
    "max": _client("ms", "lower", "longest latency"),
    "ok": _client("%", "higher", "share of the requests that were answered with 2xx or 3xx in time"),
    "shed": _client("%", "lower", "share that the server refused (503, 429)"),
    "timed_out": _client("%", "lower", "share whose client gave up"),
    "errors": _client("%", "lower", "share without a connection or a whole reply, or with another status"),
    "throughput": _client("/s", "higher", "whole replies per second, of any status"),
    "goodput": _client("/s", "higher", "ok replies per second"),
    "served": _client(
        "%", "higher", "ok replies per second ÷ the rate that was offered, in the second half of the load"
    ),
    "loop_delay_p99": _server("ms", "99th percentile of how late the loop comes to what is due"),
    "pool": _server("%", "places taken ÷ places, of the pool where this is highest"),
    "memory": _server("%", "most memory of the server and its children ÷ what they may use"),
    "descriptors": _server("%", "growth of the open descriptors, from the first third of the load to the last"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure and its 95 % interval, all in ``unit``. In JSON an infinite end is null.

    If everything was counted, both ends are the figure itself. ``measured`` is None if it was not measured; ``note`` then
    says why. ``low`` and ``high`` are None if there is no interval.
    """

    figure: str
    unit: str
    measured: Number = None
    low: Number = None
    high: Number = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective(Check):
    """One promise: met if the check has passed. ``note`` says why that is not known, or what a reader of the figure should
    know. A ``skipped`` objective is not for this kind of run, and is not judged."""

    note: str = ""
    skipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SloResult:
    """All objectives of a run. ``met`` None: it could not be told."""

    met: bool | None
    objectives: tuple[Objective, ...]

    @classmethod
    def of(cls, objectives: Iterable[Objective]) -> SloResult:
        """One that is not met decides. With none that was judged it cannot be told."""
        found = tuple(objectives)
        judged = [one.passed for one in found if not one.skipped]
        met = False if False in judged else None if None in judged or not judged else True
        return cls(met=met, objectives=found)
