"""Durations from a file: a list of seconds, what `trio-lab load --json` has printed, or figures of a measured run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..records.load import LoadResult
from ..records.reading import one_line, read
from .measured_run import MeasuredRun, read_json
from .times import Z99, Times

FIGURE = "native-pool-saturation.many_rps"
"""What is taken of a run if nothing else is said: the time of a core that a request takes under full load."""

_UNITS = {"_ms": 1e-3, "_s": 1.0}


def recorded(path: Path, figure: str = "") -> Times:
    """The durations that the file holds. Of a run they are the ``figure``, such as `FIGURE`, in each of its rounds.

    Raises:
        UsageError: the file cannot be read, or has no durations.
    """
    value = read_json(path)
    try:
        if isinstance(value, list):
            return Times(kind="recorded", values=tuple(map(_seconds, value)))
        if isinstance(value, Mapping) and "service_ms" in value:
            return _of_load(read(LoadResult, value, "load"))
        return Times(kind="recorded", values=_of_run(MeasuredRun.of(value), figure or FIGURE))
    except (UsageError, ValueError) as error:
        raise UsageError(f"{one_line(path)}: {error}") from None


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"a list of durations must have numbers of seconds only, not {one_line(value, limit=40)!r}")
    return float(value)


def _of_load(load: LoadResult) -> Times:
    """Lognormal, with the median and the p99 that the load has measured."""
    median, high = load.service.p50, load.service.p99
    if not 0 < median <= high:
        raise ValueError("the load has no service times: no request was answered")
    sigma = math.log(high / median) / Z99
    return Times(kind="lognormal", mean=median * math.exp(sigma**2 / 2), sigma=sigma)


def _of_run(run: MeasuredRun, name: str) -> tuple[float, ...]:
    """A figure in seconds. A rate becomes the time of a core that one request takes."""
    experiment, _, figure = name.partition(".")
    values = run.figure(experiment, figure)
    for suffix, unit in _UNITS.items():
        if figure.endswith(suffix):
            return tuple(unit * value for value in values)
    if not figure.endswith("_rps"):
        raise UsageError(f"{name} is neither a duration (_ms, _s) nor a rate (_rps)")
    return tuple((run.cores or 1) / value for value in values if value)
