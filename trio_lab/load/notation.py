"""How durations, headers, stages, patience and weighted URLs are written on a command line. Errors are `UsageError` in one
line."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from trio_lab.errors import UsageError
from trio_lab.load.patience import Patience

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_WITH_UNIT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(us|ms|s|m|h)")
_WEIGHTED = re.compile(r"(?P<url>.*)@(?P<weight>\d+)")


def seconds(text: str) -> float:
    """A duration: ``5s``, ``2m``, ``500ms``, ``1m30s``, or a plain number of seconds."""
    try:
        return float(text)
    except ValueError:
        pass
    found = _WITH_UNIT.findall(text)
    if not found or "".join(number + unit for number, unit in found) != text:
        raise UsageError(f"{text!r} is not a duration like 5s, 2m, 500ms, 1m30s or 5 (seconds)")
    return math.fsum(float(number) * _UNITS[unit] for number, unit in found)


def header(text: str) -> tuple[str, str]:
    """``Name: value``. White space around the value is not part of it."""
    name, colon, value = text.partition(":")
    if not colon:
        raise UsageError(f"header {text!r} must be like 'Name: value'")
    return name, value.strip(" \t")


def stages(text: str) -> tuple[tuple[float, float], ...]:
    """``10s@50,30s@200``: 10 seconds with 50 requests per second, then 30 seconds with 200."""
    return tuple(_stage(part.strip()) for part in text.split(","))


def patience(text: str) -> Patience:
    """``1s``; ``0.3,1,3`` for clients of three kinds; ``exp:1`` for a mean of one second, drawn for each request."""
    kind, colon, mean = text.partition(":")
    if colon and kind != "exp":
        raise UsageError(f"patience {text!r} must be like 1, 0.3,1,3 or exp:1 (seconds, or durations)")
    return Patience(seconds=tuple(map(seconds, (mean if colon else text).split(","))), exponential=bool(colon))


def backoff(text: str) -> tuple[float, float | None]:
    """``50ms`` is always the same; ``50ms-2s`` doubles from the one to the other, drawn from 0 to there."""
    first, dash, last = text.partition("-")
    return seconds(first), seconds(last) if dash else None


def _stage(text: str) -> tuple[float, float]:
    duration, at, rate = text.partition("@")
    try:
        if at:
            return seconds(duration), float(rate)
    except ValueError:
        pass
    raise UsageError(f"stage {text!r} must be like 10s@50: a duration and the requests per second")


def weighted(texts: Sequence[str]) -> list[tuple[str, int]]:
    """URLs with the weight after a last ``@``, else 1. The only one needs no weight, so an ``@`` is part of its path."""
    if len(texts) == 1:
        return [(texts[0], 1)]
    found = [_WEIGHTED.fullmatch(text) for text in texts]
    return [
        (match["url"], int(match["weight"])) if match else (text, 1) for text, match in zip(texts, found, strict=True)
    ]
