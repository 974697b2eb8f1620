"""What `trio-lab simulate` answers: one scenario played, and what else was asked about it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from time import perf_counter
from typing import Annotated, ClassVar

from ..records.codec import In, Ratio
from .against_theory import AgainstTheory, against_theory
from .checked import Checked, checked, figures_for
from .measured_run import MeasuredRun
from .outcome import Simulated
from .play import play
from .scenario_file import ScenarioFile
from .sweep import Sweep, Swept, swept, usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Simulated):
    """``load`` is what comes ÷ what can be served, None where the workload is closed. ``theory``, ``sweep`` and ``checks`` are
    there if there is a theory, or they were asked for."""

    OPTIONAL: ClassVar[tuple[str, ...]] = ("theory", "sweep", "checks")

    seed: int
    servers: int
    load: Ratio | None
    requests_per_wall: Annotated[float, In(suffix="_s", digits=0)]
    theory: AgainstTheory | None = None
    sweep: Swept | None = None
    checks: tuple[Checked, ...] | None = None


def answer(
    file: ScenarioFile,
    *,
    sweep: Sweep | None = None,
    check: Path | None = None,
    replications: int = 8,
    charts: bool = False,
) -> Answer:
    """Play the scenario of a file, and with ``charts`` a sweep in any case. The sweep takes about as many requests again,
    and so do the replications for theory together.

    Raises:
        UsageError: the file, or the results to check against, make no sense.
    """
    run = None if check is None else MeasuredRun.read(check)
    if run is not None:
        file = replace(file, figure_of=figures_for(file, run))
    scenario = file.read()
    if charts and sweep is None:
        sweep = usual(scenario)
    begun = perf_counter()
    found = play(scenario)
    wall = perf_counter() - begun
    return Answer(
        **{one.name: getattr(found, one.name) for one in fields(found)},
        seed=scenario.seed,
        servers=scenario.servers,
        load=scenario.load if scenario.rate else None,
        requests_per_wall=found.came / wall,
        theory=against_theory(scenario, found.came, replications),
        sweep=None if sweep is None else swept(scenario, sweep, found.came),
        checks=None if run is None else checked(file, run, replications),
    )
