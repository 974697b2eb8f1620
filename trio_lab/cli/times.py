"""How durations are written on the command line of `trio-lab simulate` and `trio-lab plan`."""

from __future__ import annotations

from pathlib import Path
from typing import cast, get_args

from ..errors import UsageError
from ..load.notation import seconds
from ..simulate.recorded import recorded
from ..simulate.times import Kind, Times


def mean_or_times(name: str, text: str) -> float | Times | None:
    """``5ms`` is a mean, ``exponential:5ms``, ``constant:5ms`` and ``lognormal:5ms:0.5`` (with sigma) are durations, and
    anything else is a file with measured ones, ``results.json:experiment.figure`` for a figure of a run.

    Raises:
        UsageError: it is none of these.
    """
    if not text:
        return None
    kind, _, rest = text.partition(":")
    try:
        if kind in get_args(Kind) and kind != "recorded":
            mean, _, sigma = rest.partition(":")
            return Times(kind=cast(Kind, kind), mean=seconds(mean), sigma=float(sigma or 1.0))
        if not rest and not Path(text).exists():
            return _positive(seconds(text))
    except (ValueError, UsageError) as error:
        hint = ", and no file" if isinstance(error, UsageError) and kind not in get_args(Kind) else ""
        raise UsageError(f"{name} {text!r}: {error}{hint}") from None
    path, _, figure = text.partition(":")
    return recorded(Path(path), figure)


def _positive(value: float) -> float:
    if not 0 < value < float("inf"):
        raise ValueError("it must be over 0")
    return value
