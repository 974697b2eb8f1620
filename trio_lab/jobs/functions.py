"""The functions that jobs may name. A job's name travels and its code does not: server and workers register the same ones."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from ..backoff import Backoff

Where = Literal["loop", "thread", "process"]
Function = TypeVar("Function", bound=Callable[..., Any])


class JobFailed(Exception):
    """Raise it in a job when no other try can help: the job has failed, and is not tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFunction:
    """A function and how its jobs are run: on the loop (async functions), in a ``"thread"`` (work that waits) or in a worker
    ``"process"`` (work that computes). ``max_tries`` is for jobs that a lab server submits for its clients: a `NewJob` has its
    own.

    Raises:
        ValueError: an async function is to run elsewhere than on the loop, or ``max_tries`` is less than 1.
    """

    name: str
    fn: Callable[..., Any]
    where: Where
    max_tries: int = 5
    run_timeout: float | None = None
    backoff: Backoff = field(default_factory=Backoff)

    def __post_init__(self) -> None:
        if inspect.iscoroutinefunction(self.fn) != (self.where == "loop"):
            raise ValueError(f"{self.name}: async functions run on the loop, and no others do")
        if self.max_tries < 1:
            raise ValueError(f"{self.name}: max_tries must be at least 1, not {self.max_tries}")

    def check(self, args: Mapping[str, Any]) -> None:
        """Raises TypeError unless the function can be called with these arguments, as far as its signature tells."""
        try:
            signature = inspect.signature(self.fn)
        except ValueError:  # some functions written in C have none
            return
        signature.bind(**args)


class JobFunctions:
    """Functions by name. ``functions.register`` is a decorator."""

    def __init__(self) -> None:
        self._by_name: dict[str, JobFunction] = {}

    def __getitem__(self, name: str) -> JobFunction:
        """Raises KeyError when none has this name."""
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def register(
        self,
        name: str | None = None,
        *,
        where: Where | None = None,
        max_tries: int = 5,
        run_timeout: float | None = None,
        backoff: Backoff | None = None,
    ) -> Callable[[Function], Function]:
        """Let jobs name a function; by default by its own name, on the loop if it is async and else in a thread. The rest is as
        in `JobFunction`.

        Raises:
            ValueError: the name is taken, or see `JobFunction`.
        """

        def add(fn: Function) -> Function:
            chosen = fn.__name__ if name is None else name
            if chosen in self._by_name:
                raise ValueError(f"there is a job {chosen!r} already")
            usual: Where = "loop" if inspect.iscoroutinefunction(fn) else "thread"
            self._by_name[chosen] = JobFunction(
                name=chosen,
                fn=fn,
                where=where or usual,
                max_tries=max_tries,
                run_timeout=run_timeout,
                backoff=backoff or Backoff(),
            )
            return fn

        return add
