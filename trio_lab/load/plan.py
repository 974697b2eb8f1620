"""What a load run is asked to do."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from trio_lab.errors import UsageError
from trio_lab.load.patience import Patience
from trio_lab.load.retry import Retry

_MOST_CONNECTIONS = 10_000
_DURATION = 10.0  # seconds, when nothing else says how long
_LONGEST = 3600.0  # seconds: a run ends by itself, whatever happens to the program that started it
_HIGHEST_RATE = 1e6
_LARGEST_BODY = 100_000_000
_HEAVIEST, _MOST_URLS = 1000, 100
_MOST_STAGES = 1000
_LONGEST_SOCKET_PATH = 107  # bytes: what the kernel's address of a Unix socket holds
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SHORTEST_INTERVAL = 0.01  # seconds: every row is kept, and closing one takes time away from the load
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_OURS = ("content-length", "transfer-encoding")  # they say how the body is sent, and must not contradict it


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """One load run. Times in seconds, rates in requests per second. Raises `UsageError` that names the field.

    Without ``rate`` and ``stages`` the workload is closed: each connection asks again when it has its reply and has waited
    for ``think``, so a slow server is asked less. With one of them the workload is open: requests are due at their time
    whatever the server does, as with users who do not know of each other. ``stages`` are (duration, rate), one after
    another; a rate of 0 is a pause.

    The run ends after ``duration``, or when ``requests`` were sent, whichever comes first.

    ``timeout`` is a failure (no whole reply in that time), ``leave_after`` a client's patience (it leaves without a
    word and comes back), the same for all or of several kinds. Both count from the intended start and both end in
    ``timed_out``; the shorter one decides. With ``retry`` a request that failed is sent again (see `returning`).

    Every request carries the same ``body`` and ``headers``. Without a ``method`` it is GET, or POST when there is a body.
    With ``others``, of (URL, weight), the requests are for several URLs of one server, in proportion to the weights.
    """

    url: str
    weight: int = 1
    others: Sequence[tuple[str, int]] = ()
    connections: int = 10
    duration: float | None = None  # 10 seconds when neither `stages` nor `requests` say it
    rate: float | None = None
    stages: Sequence[tuple[float, float]] = ()
    requests: int | None = None
    think: float = 0.0
    timeout: float = 10.0
    leave_after: float | Patience | None = None
    retry: Retry | None = None
    interval: float = 1.0  # length of one row of the series
    own_this: bool = False  # the target is the caller's own, though it is not loopback
    unix_socket: str = ""  # connect to the socket at this path; the URL gives Host and path alone
    insecure: bool = False  # trust any certificate
    keep_samples: bool = False
    method: str = ""
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    content_type: str = "application/octet-stream"

    def __post_init__(self) -> None:
        _check_whole("connections", self.connections, _MOST_CONNECTIONS)
        _check("timeout", self.timeout, _LONGEST)
        _check("interval", self.interval, _LONGEST)
        if self.interval < SHORTEST_INTERVAL:
            raise UsageError(f"interval must be at least {SHORTEST_INTERVAL:g}, got {self.interval!r}")
        if self.leave_after is not None and not isinstance(self.leave_after, Patience):
            _check("leave_after", self.leave_after, _LONGEST)
        self._check_pace()
        self._check_request()
        if len(os.fsencode(self.unix_socket)) > _LONGEST_SOCKET_PATH:
            raise UsageError(f"unix_socket must be a path of at most {_LONGEST_SOCKET_PATH} bytes")

    def _check_pace(self) -> None:
        if self.duration is not None:
            _check("duration", self.duration, _LONGEST)
        if self.rate is not None:
            _check("rate", self.rate, _HIGHEST_RATE)
        if self.requests is not None:
            _check_whole("requests", self.requests, int(_LONGEST * _HIGHEST_RATE))
        if self.think:
            _check("think", self.think, _LONGEST)
        if self.stages:
            self._check_stages()
        if self.think and self.schedule:
            raise UsageError(
                "think is for a closed workload: with rate or stages, requests are due whatever comes back"
            )
        if self.requests and self.rate and self.duration is None and self.requests / self.rate > _LONGEST:
            raise UsageError(f"requests at this rate take longer than {_LONGEST:g} s, the longest run")

    def _check_stages(self) -> None:
        for name in ("duration", "rate", "requests"):
            if getattr(self, name) is not None:
                raise UsageError(f"stages and {name} exclude each other: the stages say how long and how fast")
        if len(self.stages) > _MOST_STAGES:
            raise UsageError(f"stages must be at most {_MOST_STAGES}, got {len(self.stages)}")
        for seconds, rate in self.stages:
            _check("the duration of a stage", seconds, _LONGEST)
            if rate != 0:
                _check("the rate of a stage", rate, _HIGHEST_RATE)
        _check("the duration of all stages", self.span, _LONGEST)
        if not any(rate for _, rate in self.stages):
            raise UsageError("stages must have a rate over 0 in at least one of them")

    def _check_request(self) -> None:
        if self.method and self.method not in METHODS:
            raise UsageError(f"method must be one of {', '.join(METHODS)}, got {self.method!r}")
        if len(self.body) > _LARGEST_BODY:
            raise UsageError(f"body must have at most {_LARGEST_BODY} bytes, got {len(self.body)}")
        if self.body and self.method == "HEAD":
            raise UsageError("body and method HEAD exclude each other: a request for the head alone has no body")
        if len(self.mix) > _MOST_URLS:
            raise UsageError(f"at most {_MOST_URLS} URLs, got {len(self.mix)}")
        for _, weight in self.mix:
            _check_whole("the weight of a URL", weight, _HEAVIEST)
        for name, value in self.headers:
            _check_header(name, value)

    @property
    def mix(self) -> tuple[tuple[str, int], ...]:
        """Every URL and its weight."""
        return ((self.url, self.weight), *((url, weight) for url, weight in self.others))

    @property
    def schedule(self) -> Sequence[tuple[float, float]]:
        """The (duration, rate) of the steps of an open workload; empty for a closed one."""
        return self.stages or ([] if self.rate is None else [(self.span, self.rate)])

    @property
    def mean_rate(self) -> float | None:
        """The rate of an open workload, over all its stages; None for a closed one."""
        if not self.stages:
            return self.rate
        return math.fsum(seconds * rate for seconds, rate in self.stages) / self.span

    @property
    def span(self) -> float:
        """How long requests are sent, at most."""
        if self.stages:
            return math.fsum(seconds for seconds, _ in self.stages)
        if self.requests is None:
            return _DURATION if self.duration is None else self.duration
        longest = _LONGEST if self.duration is None else self.duration
        return longest if self.rate is None else min(longest, self.requests / self.rate)

    @property
    def verb(self) -> str:
        """The method that is used."""
        return self.method or ("POST" if self.body else "GET")

    @property
    def patience(self) -> float:
        """How long a reply is waited for, from the intended start, at most."""
        kind = self.leave_after
        if kind is None or (isinstance(kind, Patience) and kind.exponential):
            return self.timeout
        return min(self.timeout, max(kind.seconds) if isinstance(kind, Patience) else kind)


def _check(name: str, value: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise UsageError(f"{name} must be a finite number, got {value!r}")
    if not 0 < value <= most:
        raise UsageError(f"{name} must be over 0 and at most {most:g}, got {value!r}")


def _check_whole(name: str, value: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise UsageError(f"{name} must be an integer from 1 to {most}, got {value!r}")


def _check_header(name: str, value: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise UsageError(f"headers must be like 'Name: value', got the name {name!r}")
    if any((ord(char) < 32 and char != "\t") or ord(char) == 127 for char in value):
        raise UsageError(f"headers must have no control characters, got {name}: {value!r}")
    if name.lower() in _OURS:
        raise UsageError(f"headers must not have {name}: it is set by the body")
