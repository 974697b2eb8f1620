"""What a worker pool and its workers may use, and how a pool is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from inspect import signature
from typing import Any, Literal, ParamSpec, TypeVar

from ..admission.choice import Chosen, chosen
from ..cores import default_workers
from ..preconditions import require_count, require_seconds
from .restart import RestartPolicy

P = ParamSpec("P")
Opening = TypeVar("Opening")

LONGEST = 10 * 365 * 86_400.0
"""Seconds: the longest time a limit may name. None is the word for no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """What a pool and its workers may use. Times in seconds, memory in bytes; None is no bound.

    ``size`` workers live; with a ``min_size``, more than that only while there is work for them (idle ones end after
    ``idle_timeout``). A job that cannot run at once waits, with at most ``max_queue`` others and for ``queue_timeout``
    (0: it is refused). ``memory`` is a worker's hard bound: a job that wants more gets a MemoryError. A worker is replaced
    after ``max_jobs`` jobs, at the age of ``max_age``, or when it holds more than ``recycle_memory``, between two jobs.
    ``on_cancel`` says what becomes of a running job whose caller was cancelled: "abandon" lets it end, "stop" ends it, unless
    that would cost more than its end (see `staff`).
    ``ahead`` is how many short jobs a worker may be given at a time; 1 turns sending ahead off.

    Raises:
        TypeError, ValueError: a limit has no meaning; the text names it.
    """

    size: int = field(default_factory=default_workers)
    min_size: int | None = None
    max_queue: int | None = 200
    queue_timeout: float | None = None
    run_timeout: float | None = None
    idle_timeout: float = 10.0
    memory: int | None = None
    recycle_memory: int | None = None
    max_jobs: int | None = None
    max_age: float | None = None
    on_cancel: Literal["abandon", "stop"] = "abandon"
    ahead: int = 4
    restart: RestartPolicy = field(default_factory=RestartPolicy)

    def __post_init__(self) -> None:
        for name, low in {
            "size": 1,
            "min_size": 1,
            "max_queue": 0,
            "memory": 1,
            "recycle_memory": 1,
            "max_jobs": 1,
        }.items():
            if (count := getattr(self, name)) is not None:
                require_count(name, count, low=low)
        if self.min_size is not None and self.min_size > self.size:
            raise ValueError(f"min_size must be at most the size, {self.size}, not {self.min_size}")
        check_timeouts(self.queue_timeout, self.run_timeout)
        for name in ("idle_timeout", "max_age"):
            if (seconds := getattr(self, name)) is not None:
                require_seconds(name, seconds, low=0.0, high=LONGEST)
        if isinstance(self.ahead, bool) or not isinstance(self.ahead, int):
            raise TypeError(f"ahead must be a whole number, not {self.ahead!r}")
        if not 1 <= self.ahead <= 8:
            raise ValueError(f"ahead must be between 1 and 8, not {self.ahead}")  # a pipe holds 16 packets
        if self.on_cancel not in ("abandon", "stop"):
            raise ValueError(f'on_cancel must be "abandon" or "stop", not {self.on_cancel!r}')


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOptions(PoolLimits):
    """What `open_worker_pool` takes: the limits, and these.

    ``name`` stands in errors and statistics. ``discipline`` is the order of service, a name or an object that belongs to
    this pool alone; by default it learns how long callers wait (`ByPatience`). ``grace`` is how many seconds running jobs
    have to end when the pool is closed. ``command`` starts a worker in another way than the usual.
    """

    name: str = "worker_pool"
    discipline: Chosen[Any] = None
    grace: float = 1.0
    command: list[str] | None = None

    def __post_init__(self) -> None:
        PoolLimits.__post_init__(self)  # `super` does not find its class here: slots made another of it
        chosen(self.discipline)
        if self.grace != 0:
            require_seconds("grace", self.grace, low=0.0, high=LONGEST)


def check_timeouts(queue_timeout: float | None, run_timeout: float | None) -> None:
    """Raise a TypeError or a ValueError that names the one that is no time, None being no bound."""
    if queue_timeout is not None and (queue_timeout != 0 or isinstance(queue_timeout, bool)):
        require_seconds("queue_timeout", queue_timeout, low=0.0, high=LONGEST)
    if run_timeout is not None:
        require_seconds("run_timeout", run_timeout, low=0.0, high=LONGEST)


def with_keywords_of(
    options: Callable[P, PoolOptions],
) -> Callable[[Callable[[PoolOptions], Opening]], Callable[P, Opening]]:
    """Let a function that takes `PoolOptions` take their fields as typed keywords. So they are written down once."""

    def decorate(open_pool: Callable[[PoolOptions], Opening]) -> Callable[P, Opening]:
        @wraps(open_pool)
        def opening(*args: P.args, **keywords: P.kwargs) -> Opening:
            return open_pool(options(*args, **keywords))

        opening.__signature__ = signature(options)  # type: ignore[attr-defined]
        return opening

    return decorate
