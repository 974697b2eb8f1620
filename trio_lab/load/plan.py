"""What a load run is asked to do."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trio_lab.errors import UsageError

_MOST_CONNECTIONS = 10_000
_LONGEST = 3600.0  # seconds: a run ends by itself, whatever happens to the program that started it
_HIGHEST_RATE = 1e6
_LARGEST_BODY = 100_000_000
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")  # a reply to HEAD has no end that its reader could see
_SHORTEST_INTERVAL = 0.01  # seconds: every row is kept, and closing one takes time away from the load


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """One load run. Times in seconds, ``rate`` in requests per second. Raises `UsageError` that names the field.

    Without ``rate`` the workload is closed: each connection asks again when it has its reply, so a slow server is asked
    less. With it the workload is open: request n is intended at start + n/rate whatever the server does, as with users who
    do not know of each other.

    ``timeout`` is a failure (no whole reply in that time), ``leave_after`` a client's patience (it leaves without a
    word and comes back). Both count from the intended start and both end in ``timed_out``; the shorter one decides.

    Every request carries the same ``body``. Without a ``method`` it is GET, or POST when there is a body.
    """

    url: str
    connections: int = 10
    duration: float = 10.0
    rate: float | None = None
    timeout: float = 10.0
    leave_after: float | None = None
    interval: float = 1.0  # length of one row of the series
    own_this: bool = False  # the target is the caller's own, though it is not loopback
    keep_samples: bool = False
    method: str = ""
    body: bytes = b""
    content_type: str = "application/octet-stream"

    def __post_init__(self) -> None:
        if not isinstance(self.connections, int) or not 1 <= self.connections <= _MOST_CONNECTIONS:
            raise UsageError(f"connections must be an integer from 1 to {_MOST_CONNECTIONS}, got {self.connections!r}")
        _check("duration", self.duration, _LONGEST)
        _check("timeout", self.timeout, _LONGEST)
        _check("interval", self.interval, _LONGEST)
        if self.interval < _SHORTEST_INTERVAL:
            raise UsageError(f"interval must be at least {_SHORTEST_INTERVAL:g}, got {self.interval!r}")
        if self.rate is not None:
            _check("rate", self.rate, _HIGHEST_RATE)
        if self.leave_after is not None:
            _check("leave_after", self.leave_after, _LONGEST)
        if self.method and self.method not in _METHODS:
            raise UsageError(f"method must be one of {', '.join(_METHODS)}, got {self.method!r}")
        if len(self.body) > _LARGEST_BODY:
            raise UsageError(f"body must have at most {_LARGEST_BODY} bytes, got {len(self.body)}")

    @property
    def verb(self) -> str:
        """The method that is used."""
        return self.method or ("POST" if self.body else "GET")

    @property
    def patience(self) -> float:
        """How long a reply is waited for, from the intended start."""
        return self.timeout if self.leave_after is None else min(self.timeout, self.leave_after)


def _check(name: str, value: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise UsageError(f"{name} must be a finite number, got {value!r}")
    if not 0 < value <= most:
        raise UsageError(f"{name} must be over 0 and at most {most:g}, got {value!r}")
