"""The job that a route gives to a pool, declared apart from the route's handler.

Calling a handler through Quart costs most of a millisecond of the loop, which is wasted if the request is lost while it waits
for the pool. So the job is declared beside the handler (`LabApp.jobs`), as a function of the query. If a request would have to
wait, it is held on its bare connection and its job is given to the pool from there (see `holding`); its handler then finds the
outcome. Otherwise the handler gives the job to the pool.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ..admission.reserved import Reserved
from ..measure.ledger import Ledger
from .admitted import Admitted
from .query import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolJob:
    """``fn(*args)``, for the worker processes or for the threads of the native pool."""

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kind: str
    in_process: bool = False


JobOf = Callable[[Query], PoolJob | None]
"""The job that a query asks for, None if what it asks for needs no pool. Raises `BadQuery`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A job that has returned ``value``. ``took`` is the time since it was given to the pool, ``queued`` the part of it in the
    queue; of jobs in threads ``queued`` is not known, and 0. Both in seconds."""

    value: Any
    took: float
    queued: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The outcome of the job of a held request: it is done, or has failed with ``error``. ``begun`` is when the request was
    first held, by `time.perf_counter`. ``ledger`` is the request's."""

    ledger: Ledger
    done: Done | None = None
    error: Exception | None = None
    begun: float | None = None

    def result(self) -> Done:
        """Raises what the job has raised."""
        if self.error is not None:
            raise self.error
        assert self.done is not None
        return self.done


@dataclass(slots=True, kw_only=True)
class Waited:
    """The wait of a request that had no task, from ``begun`` on (by `time.perf_counter`). ``ledger`` is the request's,
    ``admitted`` its place in the admission, and ``reserved`` what was asked for: a place of the pool, or an ended job."""

    begun: float
    ledger: Ledger
    admitted: Admitted | None = None
    reserved: Reserved | None = None


WAITED: ContextVar[Waited | None] = ContextVar("trio_lab_waited", default=None)
"""That of the request whose job is run next by the current task."""

IN_HAND = "trio_lab.held"
"""In the state of an ASGI scope: the `Held` of a request that was held."""


def held_in(scope: Mapping[str, Any]) -> Held | None:
    """What became of the job of the request with this ASGI scope, if the request was held."""
    found: Held | None = (scope.get("state") or {}).get(IN_HAND)
    return found


HELD: ContextVar[Held | None] = ContextVar("trio_lab_held", default=None)
"""The same for the handler of the request."""
