"""The job that a route gives to a pool, declared apart from the route's handler.

A handler is called inside Quart, which costs more than many a wait is worth. So what it gives to a pool is declared beside
it (`LabApp.jobs`), as a function of the query. A request that would have to wait is held on its bare connection, and its job
is given to the pool from there (see `holding`); the handler finds the outcome. Every other request's job is given to the
pool by its handler.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

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
    """A job that has returned ``value``. Times in seconds: ``took`` from when it was given to the pool, ``queued`` of that in
    the queue (of jobs in threads it is not told, and 0)."""

    value: Any
    took: float
    queued: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What became of the job of a request that was held: it is done, or has failed. ``ledger`` is the server's, if it keeps
    any."""

    done: Done | None = None
    error: Exception | None = None
    ledger: Any = None

    def result(self) -> Done:
        """Raises what the job has raised."""
        if self.error is not None:
            raise self.error
        assert self.done is not None
        return self.done


IN_HAND = "trio_lab.held"
"""In the state of an ASGI scope: the `Held` of a request that was held."""

HELD: ContextVar[Held | None] = ContextVar("trio_lab_held", default=None)
"""The same for the handler of the request."""
