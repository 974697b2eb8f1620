"""All experiments: every module in `cases` defines one as EXPERIMENT."""

from __future__ import annotations

from ..catalog import found_in, named
from ..errors import UsageError
from . import cases
from .model import Experiment

EXPERIMENTS: tuple[Experiment, ...] = tuple(
    sorted(found_in(cases, "EXPERIMENT"), key=lambda experiment: experiment.order)
)


def select(names: tuple[str, ...], runtimes: tuple[str, ...] = ("trio",)) -> tuple[Experiment, ...]:
    """The experiments of these names, in the lab's order. Without names: the lab's own for Trio alone, and otherwise all
    that can be compared.

    Raises:
        UsageError: a name is not known, or its experiment is about Trio alone and another runtime was asked for.
    """
    chosen = named(EXPERIMENTS, names, "experiment")
    if not names:
        alone = runtimes == ("trio",)
        return tuple(e for e in EXPERIMENTS if (e.lab if alone else e.comparison and (e.compared or e.across)))
    for experiment in chosen:
        for runtime in runtimes:
            if not experiment.runs_on(runtime):
                able = ", ".join(e.name for e in EXPERIMENTS if e.runs_on(runtime))
                raise UsageError(f"{experiment.name} is about Trio alone; {runtime} can be compared in {able}")
    return chosen
