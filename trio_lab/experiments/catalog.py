"""All experiments, found by looking: a module in `cases` that defines EXPERIMENT is one, and nothing else need know."""

from __future__ import annotations

import importlib
import pkgutil

from ..errors import UsageError
from . import cases
from .model import Experiment


def _find() -> tuple[Experiment, ...]:
    modules = (
        importlib.import_module(f"{cases.__name__}.{found.name}") for found in pkgutil.iter_modules(cases.__path__)
    )
    return tuple(sorted((module.EXPERIMENT for module in modules), key=lambda experiment: experiment.order))


EXPERIMENTS = _find()


def select(names: tuple[str, ...], runtimes: tuple[str, ...] = ("trio",)) -> tuple[Experiment, ...]:
    """The experiments of these names, in the lab's order; all of them when none is named: the lab's own for Trio alone,
    and else those that can be compared.

    Raises:
        UsageError: a name is not known, or its experiment is about Trio alone and another runtime was asked for.
    """
    known = {experiment.name: experiment for experiment in EXPERIMENTS}
    for name in names:
        if name not in known:
            raise UsageError(f"unknown experiment {name!r}; known are {', '.join(known)}")
    chosen = tuple(experiment for experiment in EXPERIMENTS if experiment.name in names)
    if not names:
        alone = runtimes == ("trio",)
        return tuple(e for e in EXPERIMENTS if (e.lab if alone else e.comparison and (e.compared or e.across)))
    for experiment in chosen:
        for runtime in runtimes:
            if not experiment.runs_on(runtime):
                able = ", ".join(e.name for e in EXPERIMENTS if e.runs_on(runtime))
                raise UsageError(f"{experiment.name} is about Trio alone; {runtime} can be compared in {able}")
    return chosen
