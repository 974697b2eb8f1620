"""One scenario at several values of one parameter, and the knee: the value from which on goodput no longer rises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from ..catalog import meant
from ..diagnose.hinge import knee
from ..errors import UsageError
from ..records.codec import In, Ratio
from ..records.summary import Summary
from .outcome import Duration
from .play import play, shorter
from .scenario import Scenario
from .times import Times

_POINTS, _MOST_POINTS = 15, 200
_LEAST_REQUESTS = 2_000  # to a point: its p99 is then the 20th from the top


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What came of it at one value ``x``. ``shed`` is the share of the attempts that were refused: see `Simulated`."""

    x: Annotated[float, In(digits=6)]
    load: Ratio
    goodput: Annotated[float, In(digits=4)]
    shed: Ratio
    utilization: Ratio
    wait: Annotated[Summary, Duration]


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """``knee`` is None where goodput still rises at the largest value, or never rose."""

    parameter: str
    knee: Annotated[float | None, In(digits=4)]
    points: tuple[Point, ...]


def _at_load(scenario: Scenario, value: float) -> Scenario:
    if not scenario.service:
        raise ValueError("requests take no time, so there is no load")
    return scenario.at_rate(value * scenario.able / scenario.service)


def _with_clients(scenario: Scenario, value: float) -> Scenario:
    clients = sum(work.clients for work in scenario.workloads)
    if not clients:
        raise ValueError("there are no clients: the workload is open")
    return replace(
        scenario,
        workloads=tuple(
            replace(work, clients=max(1, round(work.clients * value / clients))) if work.clients else work
            for work in scenario.workloads
        ),
    )


def _alike(scenario: Scenario, name: str) -> None:
    if len({getattr(work.callers, name) for work in scenario.workloads}) > 1:
        raise ValueError(f"the callers differ in their {name}, so it has no one value to vary")


def _with_patience(scenario: Scenario, value: float) -> Scenario:
    _alike(scenario, "patience")
    return scenario.with_callers(patience=_with_mean(scenario.workloads[0].callers.patience, value))


def _with_service(scenario: Scenario, value: float) -> Scenario:
    _alike(scenario, "service")
    return scenario.with_callers(service=_with_mean(scenario.workloads[0].callers.service, value))


def _with_mean(found: Times | None, value: float) -> Times:
    """The same times with another mean; where there are none, or they are all 0, it is always this long."""
    return found.scaled(value / found.expected) if found is not None and found.expected else Times(mean=value)


_PARAMETERS: dict[str, Callable[[Scenario, float], Scenario]] = {
    "load": _at_load,
    "rate": lambda scenario, value: scenario.at_rate(value),
    "clients": _with_clients,
    "servers": lambda scenario, value: replace(scenario, servers=round(value)),
    "service": _with_service,
    "patience": _with_patience,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Which parameter, and its values."""

    EXAMPLE: ClassVar[str] = "load=0.1:1.5:15"

    parameter: str
    values: tuple[float, ...]

    @classmethod
    def of(cls, text: str) -> Sweep:
        """``load=0.1:1.5`` or ``servers=1:16:16``: the first value, the last, and how many.

        Raises:
            UsageError: the text is not like that.
        """
        name, _, span = text.partition("=")
        if name not in _PARAMETERS:
            raise UsageError(f"sweep: {name!r} is not known; {meant(name, list(_PARAMETERS))}")
        parts = span.split(":")
        try:
            first, last, points = parts if len(parts) != 2 else (*parts, str(_POINTS))
            low, high, count = float(first), float(last), int(points)
        except ValueError:
            raise UsageError(f"sweep {text!r} must be like {cls.EXAMPLE}") from None
        if not (0 < low < high < float("inf") and 2 <= count <= _MOST_POINTS):
            raise UsageError(f"sweep {text!r}: the values must rise from over 0, in 2 to {_MOST_POINTS} steps")
        values = [low + number * (high - low) / (count - 1) for number in range(count)]
        if name in ("servers", "clients"):
            values = sorted({float(round(value)) or 1.0 for value in values})
        return cls(parameter=name, values=tuple(values))


def usual(scenario: Scenario) -> Sweep:
    """What shows most: the load from little to too much, or up to twice as many clients."""
    if scenario.rate:
        return Sweep.of(Sweep.EXAMPLE)
    clients = sum(work.clients for work in scenario.workloads)
    return Sweep.of(f"clients=1:{2 * clients}:{_POINTS}")


def swept(scenario: Scenario, sweep: Sweep, requests: float) -> Swept:
    """Play it at each value, with about so many requests in all.

    Raises:
        UsageError: the scenario has no such parameter.
    """
    share = max(_LEAST_REQUESTS, requests / len(sweep.values))
    try:
        changed = [(value, _PARAMETERS[sweep.parameter](scenario, value)) for value in sweep.values]
    except ValueError as error:
        raise UsageError(f"sweep {sweep.parameter}: {error}") from None
    points = tuple(_point(value, one, share) for value, one in changed)
    return Swept(
        parameter=sweep.parameter,
        knee=knee([(point.x, point.goodput) for point in points]),
        points=points,
    )


def _point(x: float, scenario: Scenario, requests: float) -> Point:
    found = play(shorter(scenario, requests))
    return Point(
        x=x,
        load=scenario.load,
        goodput=found.goodput,
        shed=found.shed,
        utilization=found.utilization,
        wait=found.wait,
    )
