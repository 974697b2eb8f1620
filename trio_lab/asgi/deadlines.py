"""How long a caller waits for its answer, as its request says.

Only durations are understood: the clocks of two machines differ. ``X-Request-Deadline`` has a number of seconds, or a number
with a unit: ``0.25``, ``1.5s``, ``250ms``. ``grpc-timeout`` is gRPC's: up to eight digits and a unit, ``250m`` for 250 ms.
Any other header named in a policy is read like the first.

A value that means nothing, or that is zero or more than a day, is ignored: the request is served like one without a deadline.
A proxy may use the same header in another way, and its requests should not fail for that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_PLAIN = re.compile(rb"\s*([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*(ms|s|)\s*")
_PLAIN_UNITS = {b"": 1.0, b"s": 1.0, b"ms": 1e-3}
_GRPC = re.compile(rb"([0-9]{1,8})([HMSmun])")
_GRPC_UNITS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_LONGEST = 86_400.0

Parse = Callable[[bytes], float | None]
"""The seconds in a header's value; None if it means nothing."""


def plain(value: bytes) -> float | None:
    return _seconds(_PLAIN, _PLAIN_UNITS, value)


def grpc(value: bytes) -> float | None:
    return _seconds(_GRPC, _GRPC_UNITS, value)


def _seconds(pattern: re.Pattern[bytes], units: dict[bytes, float], value: bytes) -> float | None:
    if (found := pattern.fullmatch(value)) is None:
        return None
    seconds = float(found[1]) * units[found[2]]
    return seconds if 0 < seconds <= _LONGEST else None


def parsers(headers: Iterable[str]) -> dict[bytes, Parse]:
    """How to read each of these headers, by its name in a scope."""
    return {name.lower().encode("ascii"): grpc if name.lower() == "grpc-timeout" else plain for name in headers}
