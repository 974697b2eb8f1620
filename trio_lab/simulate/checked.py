"""A simulation against a measured run: does it predict the figures that were measured?

``[[check]]`` in a scenario's file names an ``experiment`` (or a ``drill``) and, for each quantity that the simulation gives,
the figure that should be like it. ``with`` are keys of the file that differ for this check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean, median
from typing import Annotated

from ..diagnose.interval import median_interval
from ..diagnose.mean_interval import mean_interval
from ..errors import UsageError
from ..records.codec import In, Ratio
from ..records.reading import one_line
from .document import Table, read_toml
from .measured_run import MeasuredRun
from .outcome import Simulated
from .play import replications
from .scenario import Scenario
from .scenario_file import FigureOf, ScenarioFile

GOAL = 0.15
"""How far from the measured figure a prediction may be."""

_QUANTITIES: dict[str, Callable[[Scenario, Simulated], float]] = {
    "goodput": lambda _, found: found.goodput,
    "goodput_share": lambda scenario, found: found.goodput * scenario.service / scenario.able,
    "response_p50": lambda _, found: found.response.p50,
    "response_p99": lambda _, found: found.response.p99,
    "wait_p50": lambda _, found: found.wait.p50,
    "wait_p99": lambda _, found: found.wait.p99,
}
_Value = Annotated[float, In(digits=6)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One figure, in the unit of the measured one. ``error`` is predicted ÷ measured − 1. Its interval is as wide as the 95 %
    intervals of both allow; None where a figure has none."""

    figure: str
    quantity: str
    measured: _Value
    predicted: _Value
    error: Ratio
    low: Ratio | None
    high: Ratio | None

    @property
    def holds(self) -> bool:
        return abs(self.error) <= GOAL


def figures_for(file: ScenarioFile, run: MeasuredRun) -> FigureOf:
    """What a name of a figure in the file means: that of the first experiment that it is checked with.

    Raises:
        UsageError: the file is not meant to be checked.
    """
    for table in _tables(file):
        return partial(run.middle, _name_in(table))
    raise UsageError(f"{one_line(file.path)}: check: is missing: name the figures that should be predicted")


def checked(file: ScenarioFile, run: MeasuredRun, count: int) -> tuple[Checked, ...]:
    """Every figure that the file names, predicted by ``count`` replications, one at least.

    Raises:
        UsageError: the file makes no sense, or the run has none of the figures.
    """
    return tuple(one for table in _tables(file) for one in _of_table(table, file, run, count))


def _tables(file: ScenarioFile) -> Iterator[Table]:
    return Table(read_toml(file.path), one_line(file.path)).tables("check")


def _name_in(table: Table) -> str:
    if name := table.text("experiment") or table.text("drill"):
        return name
    raise table.wrong("experiment", "is missing: say which experiment or drill was measured")


def _of_table(table: Table, file: ScenarioFile, run: MeasuredRun, count: int) -> Iterator[Checked]:
    name, more = _name_in(table), table.table("with").values
    wanted = {quantity: table.text(quantity) for quantity in _QUANTITIES}
    table.done()
    scenario = replace(file, figure_of=partial(run.middle, name)).read(more)
    played = replications(scenario, max(1, count))
    for quantity, figure in wanted.items():
        if figure:
            predicted = [_QUANTITIES[quantity](scenario, one) for one in played]
            yield _compared(f"{name}.{figure}", quantity, run.figure(name, figure), predicted)


def _compared(figure: str, quantity: str, measured: tuple[float, ...], predicted: list[float]) -> Checked:
    unit = 1e3 if figure.endswith("_ms") else 1.0
    middle = median(measured)
    if middle <= 0:
        raise UsageError(f"{figure} was {middle:g}: an error relative to that makes no sense")
    seen, said = median_interval(measured), mean_interval(predicted)
    low = high = None
    if seen is not None and said is not None and seen[0] > 0:
        low, high = unit * said[0] / seen[1] - 1, unit * said[1] / seen[0] - 1
    mean = unit * fmean(predicted)
    return Checked(
        figure=figure,
        quantity=quantity,
        measured=middle,
        predicted=mean,
        error=mean / middle - 1,
        low=low,
        high=high,
    )
