"""Figures of a run that was measured: a results.json, or what `trio-lab drill --json` has printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from ..errors import UsageError
from ..records.drill import DrillResults
from ..records.reading import one_line, read, read_results
from ..records.result import ExperimentResult

_Round = Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRun:
    """``rounds`` of each experiment or drill; ``cores`` of the machine, if that is known."""

    rounds: Mapping[str, Sequence[_Round]]
    cores: int | None = None

    @classmethod
    def read(cls, path: Path) -> MeasuredRun:
        """
        Raises:
            UsageError: the file cannot be read, or is no such run.
        """
        value = read_json(path)
        try:
            return cls.of(value)
        except UsageError as error:
            raise UsageError(f"{one_line(path)}: {error}") from None

    @classmethod
    def of(cls, value: Any) -> MeasuredRun:
        """
        Raises:
            UsageError: these JSON values are no such run.
        """
        if isinstance(value, Mapping) and "drills" in value:
            drills = read(DrillResults, value, "results").drills
            return cls(rounds={drill.name: [drill.figures] for drill in drills if drill.error is None})
        results = read_results(value)
        rounds = {one.name: _counted(one) for one in results.experiments if not one.failed}
        return cls(rounds=rounds, cores=results.environment.get("cores_usable"))

    def figure(self, name: str, figure: str) -> tuple[float, ...]:
        """A figure of this experiment or drill in each round in which it was measured.

        Raises:
            UsageError: there is none.
        """
        if name not in self.rounds:
            raise UsageError(f"there is no {name!r} in these results")
        found = tuple(value for one in self.rounds[name] if (value := one.get(figure)) is not None)
        if not found:
            raise UsageError(f"{name} has no figure {figure!r}")
        return found

    def middle(self, name: str, figure: str) -> float:
        """Its median. Raises what `figure` raises."""
        return median(self.figure(name, figure))


def _counted(experiment: ExperimentResult) -> Sequence[_Round]:
    """The rounds that count, or the medians where rounds were not kept."""
    rounds, conditions = experiment.rounds or (), experiment.conditions or ()
    if len(conditions) == len(rounds):
        rounds = tuple(one for one, about in zip(rounds, conditions, strict=True) if about.counted)
    return rounds or (experiment.evidence.figures,)


def read_json(path: Path) -> Any:
    """
    Raises:
        UsageError: it cannot be read, or is not JSON.
    """
    try:
        return msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{one_line(path)} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:  # msgspec's error is a ValueError
        raise UsageError(f"{one_line(path)} is not JSON: {one_line(error)}") from None
