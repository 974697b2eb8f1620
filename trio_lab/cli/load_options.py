"""What `trio-lab load` can be told about the load itself: its flags, and the plan that they make."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, Token

from ..errors import UsageError
from ..load import notation
from ..load.patience import Patience
from ..load.plan import LoadPlan
from ..load.retry import Retry


def _seconds(_: object, tokens: Sequence[Token]) -> float:
    return notation.seconds(tokens[0].value)


Seconds = Parameter(converter=_seconds)
"""Of an option that is a duration: 5s, 200ms, or a plain number of seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The flags as they were given: text stays text until `plan` reads it."""

    connections: Annotated[int, Parameter(alias="-c")] = 10
    """Connections, and so requests in flight, at most."""

    duration: Annotated[float | None, Seconds, Parameter(alias=("-d", "-z"))] = None
    """How long requests are sent (10s if nothing else says it); what is then due or in flight is waited for."""

    requests: Annotated[int | None, Parameter(alias="-n")] = None
    """Send this many in all, or as many as the duration allows if one is given."""

    rate: Annotated[float | None, Parameter(alias="-R")] = None
    """Requests per second: makes the workload open."""

    stages: str = ""
    """10s@50,30s@200: an open workload in steps, each a duration and the requests per second."""

    think: Annotated[float, Seconds] = 0.0
    """Time between a reply and the next request of that connection (closed workload)."""

    timeout: Annotated[float, Seconds] = 10.0
    """Time from the intended start after which a request has failed."""

    patience: Annotated[str, Parameter(alias="--leave-after")] = ""
    """How long a client waits before it leaves without a word, and comes again: 1s; 0.3,1,3 for three kinds of clients;
    exp:1 for a mean of one second, drawn for each request."""

    retry: int | None = None
    """Send a request that failed (no reply, 429 or 5xx) again, so often at most."""

    backoff: str = ""
    """Time before a retry: 50ms, or 50ms-2s to double it each time and draw it from 0 to there."""

    retry_budget: float | None = None
    """Retries for each first request, on the mean over all clients: 0.1 allows one for every ten."""

    interval: Annotated[float, Seconds] = 1.0
    """Time that one row of the series covers."""

    method: Annotated[str, Parameter(alias="-m")] = ""
    """GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS; GET when there is no body, else POST."""

    header: Annotated[tuple[str, ...], Parameter(alias="-H", negative=())] = ()
    """'Name: value', sent with every request; once for each header. Replaces the one that would be sent."""

    body: Annotated[Path | None, Parameter(alias=("--body-file", "-D"))] = None
    """File with the body of every request, at most 100 MB."""

    body_text: Annotated[str | None, Parameter(alias="-b")] = None
    """The body of every request itself."""

    insecure: Annotated[bool, Parameter(alias="-k")] = False
    """Trust any certificate (https)."""

    unix_socket: Annotated[str, Parameter(alias="-S")] = ""
    """Connect to the Unix socket at this path; the URL then gives the Host header and the path."""

    samples: bool = False
    """Keep every single latency, in the JSON and the CSV."""

    i_own_this: bool = False
    """The target is yours although it is not on this machine."""

    def plan(self, urls: Sequence[str]) -> LoadPlan:
        """The load of these URLs.

        Raises:
            UsageError: an option makes no sense; the text names it.
        """
        (first, weight), *more = notation.weighted(urls)
        content, content_type = self._content()
        return LoadPlan(
            url=first,
            weight=weight,
            others=more,
            connections=self.connections,
            duration=self.duration,
            requests=self.requests,
            rate=self.rate,
            stages=notation.stages(self.stages) if self.stages else (),
            think=self.think,
            timeout=self.timeout,
            leave_after=self._patience(),
            retry=self._retry(),
            interval=self.interval,
            method=self.method.upper(),
            headers=[notation.header(text) for text in self.header],
            body=content,
            content_type=content_type,
            insecure=self.insecure,
            unix_socket=self.unix_socket,
            own_this=self.i_own_this,
            keep_samples=self.samples,
        )

    def _patience(self) -> Patience | None:
        return notation.patience(self.patience) if self.patience else None

    def _retry(self) -> Retry | None:
        if self.retry is None:
            if self.backoff or self.retry_budget is not None:
                raise UsageError("--backoff and --retry-budget need --retry")
            return None
        first, last = notation.backoff(self.backoff) if self.backoff else (0.0, None)
        return Retry(most=self.retry, first=first, last=last, budget=self.retry_budget)

    def _content(self) -> tuple[bytes, str]:
        """The body, and what it is; of a file its name says that."""
        if self.body is not None and self.body_text is not None:
            raise UsageError("--body and --body-text exclude each other")
        if self.body_text is not None:
            return self.body_text.encode(), "text/plain; charset=utf-8"
        if self.body is None:
            return b"", ""
        try:
            return self.body.read_bytes(), mimetypes.guess_type(self.body.name)[0] or "application/octet-stream"
        except OSError as error:
            raise UsageError(f"body {str(self.body)!r} cannot be read: {error.strerror or error}") from None


LoadOptions = Annotated[Asked | None, Parameter(name="*")]
"""A parameter of a command that takes the fields of `Asked` as its flags; None when there were none."""
