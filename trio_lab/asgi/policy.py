"""What an `Admission` is told: how much at once, which class a request is of, whose it is, and when it is too late."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast, get_args

from ..admission.choice import DEFAULT
from ..admission.classes import Share
from ..admission.limits.choice import make_limit
from ..admission.limits.late_loop import LateLoop
from ..admission.limits.limit import Limit
from ..config import DisciplineName
from ..preconditions import require_count, require_timeout
from ..records.totals import MONITORED
from .promises import promises

Scope: TypeAlias = dict[str, Any]
Class = Literal["critical", "normal", "background"]
CRITICAL, NORMAL, BACKGROUND = cast("tuple[Class, Class, Class]", get_args(Class))

INITIAL = 10
"""Where an adaptive limit begins: low enough for work that computes, and soon raised for work that waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionPolicy:
    """Every argument has a default that suits most services. Times in seconds.

    Args:
        limit: normal and background requests that are served at once: a number, "adaptive" (it is learned from how long
            they take, beginning with 10), or one of `trio_lab.admission.limits`.
        max_waiting: requests of one class that may wait; None for no bound.
        queue_timeout: how long each may wait in any case; None for no bound.
        critical_limit: critical requests that are served at once, in places of their own.
        max_connections: requests and websockets that may be open at once, waiting ones included; None for no bound.
        critical, background: the paths of these classes. ``/reports/*`` stands for every path that begins with
            ``/reports/``. All others are normal.
        classify: returns the class of a request, instead of the two lists of paths.
        normal_share, background_share: see `Share`.
        tenant: whose request it is, so that no tenant takes more than its share: the name of a header, ``"address"`` for
            the client's address, or a function of the scope. None: all requests are treated alike.
        deadlines: the headers that may say how long the caller waits, see `deadlines`.
        discipline: the order of service of a class, or of each of its tenants. The default learns how long callers wait.
        slo: an SLO file, or a line such as ``p99<200ms, loop_delay_p99<50ms``. The limit is lowered while the loop is late,
            and a request does not wait so long that it would be answered too late.
        dark: count what would be refused, and refuse nothing.
        name: of the queue, in `/health` and in refusals.

    Raises:
        TypeError, ValueError: an argument has no meaning; the text names it.
    """

    limit: int | Limit | Literal["adaptive"] = "adaptive"
    max_waiting: int | None = 1000
    queue_timeout: float | None = 30.0
    critical_limit: int = 20
    max_connections: int | None = None
    critical: Iterable[str] = MONITORED
    background: Iterable[str] = ()
    classify: Callable[[Scope], Class] | None = None
    normal_share: Share = field(default_factory=lambda: Share(share=0.9))
    background_share: Share = field(default_factory=lambda: Share(share=0.1, most=0.5))
    tenant: str | Callable[[Scope], str] | None = None
    deadlines: Iterable[str] = ("x-request-deadline", "grpc-timeout")
    discipline: DisciplineName = DEFAULT
    slo: str | None = None
    dark: bool = False
    name: str = "admission"

    def __post_init__(self) -> None:
        if isinstance(self.limit, int):
            require_count("limit", self.limit, low=1)
        else:
            make_limit(self.limit, INITIAL)  # says what is wrong with it
        require_count("critical_limit", self.critical_limit, low=1)
        for name in ("max_waiting", "max_connections"):
            if (count := getattr(self, name)) is not None:
                require_count(name, count, low=0)
        require_timeout("queue_timeout", self.queue_timeout)
        for name in ("critical", "background", "deadlines"):
            if isinstance(getattr(self, name), str):
                raise TypeError(f"{name} must be a list of texts, not one text")

    def gate_limit(self) -> tuple[int, Limit | None]:
        """The capacity to begin with, and what it follows: None if it stays."""
        fixed = self.limit if isinstance(self.limit, int) else None
        adaptive = None if isinstance(self.limit, int) else make_limit(self.limit, INITIAL)
        late = promises(self.slo).loop_delay
        if late is not None:
            adaptive = LateLoop(fixed or adaptive or INITIAL, late)
        return fixed or INITIAL, adaptive

    @property
    def shares(self) -> Mapping[str, Share]:
        return {NORMAL: self.normal_share, BACKGROUND: self.background_share}

    def classifier(self) -> Callable[[Scope], Class]:
        """What tells the class of a request."""
        if self.classify is not None:
            return self.classify
        exact: dict[str, Class] = {}
        prefixes: list[tuple[str, Class]] = []
        for patterns, kind in ((self.background, BACKGROUND), (self.critical, CRITICAL)):
            for pattern in patterns:
                if not pattern.startswith("/"):
                    raise ValueError(f"the path {pattern!r} must begin with a slash")
                if pattern.endswith("*"):
                    prefixes.append((pattern[:-1], kind))
                else:
                    exact[pattern] = kind
        prefixes.sort(key=lambda found: len(found[0]), reverse=True)  # the longest decides

        def classify(scope: Scope) -> Class:
            path = scope["path"]
            if (found := exact.get(path)) is not None:
                return found
            if not prefixes:
                return NORMAL
            return next((kind for prefix, kind in prefixes if path.startswith(prefix)), NORMAL)

        return classify

    def tenant_of(self) -> Callable[[Scope], str]:
        """What tells the tenant of a request."""
        tenant = self.tenant
        if tenant is None:
            return lambda _: ""
        if tenant == "address":
            return lambda scope: (scope.get("client") or ("",))[0]
        if not isinstance(tenant, str):
            return tenant
        name = tenant.lower().encode("latin-1")

        def of(scope: Scope) -> str:
            return next((value.decode("latin-1") for header, value in scope["headers"] if header == name), "")

        return of
