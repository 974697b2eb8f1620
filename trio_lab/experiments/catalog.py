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


def select(names: tuple[str, ...]) -> tuple[Experiment, ...]:
    """The experiments of these names, in the lab's order; all of them when none is named.

    Raises:
        UsageError: a name is not known.
    """
    known = {experiment.name for experiment in EXPERIMENTS}
    for name in names:
        if name not in known:
            raise UsageError(f"unknown experiment {name!r}; known are {', '.join(e.name for e in EXPERIMENTS)}")
    return tuple(experiment for experiment in EXPERIMENTS if not names or experiment.name in names)
