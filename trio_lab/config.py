"""The options of a lab server: one frozen record, each option with its default, its bounds and its help text.

Flags, environment variables and the text of `trio-lab serve --help` are made from it (`options`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_type_hints

from .cores import default_workers
from .errors import UsageError

Profile = Literal["guarded", "naive"]
PROFILES: tuple[Profile, ...] = get_args(Profile)
DisciplineName = Literal["patience", "fifo", "lifo", "adaptive-lifo", "codel", "fair", "priority"]
DISCIPLINES: tuple[DisciplineName, ...] = get_args(DisciplineName)
LimitName = Literal["fixed", "adaptive"]
LIMITS: tuple[LimitName, ...] = get_args(LimitName)
PREFIX = "TRIO_LAB_"
NOT_IN_ENVIRONMENT = frozenset({"faults"})  # a variable that was left behind must not open the fault routes
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Between:
    """The least and the greatest value of an option; both are allowed."""

    low: float
    high: float


_Seconds = Annotated[float, Between(0, 86_400)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything a lab server can be told. Times are in seconds.

    ``profile="naive"`` is the control of the experiments: the same server with no bound on any queue and no timeout. It
    finishes the work of clients that have left, as the servers of the articles do.

    Raises:
        UsageError: a value is out of range; the text names it.
    """

    host: str = "127.0.0.1"
    """Address to listen on; best left on loopback."""

    port: Annotated[int, Between(0, 65_535)] = 3000
    """Port to listen on; 0 takes a free one."""

    # 4 and 1024 are libuv's default and bound, so that figures compare with Node's.
    threads: Annotated[int, Between(1, 1024)] = 4
    """Threads of the shared native pool, 1 to 1024; the default is libuv's."""

    workers: Annotated[int, Between(1, 256)] = field(default_factory=default_workers)
    """Worker processes; by default one fewer than the cores, at most four."""

    processes: Annotated[int, Between(1, 64)] = 1
    """Server processes that share the address. What --threads, --workers, --connections, --max-queue and the like say is
    shared out over them; each has at least one."""

    profile: Profile = "guarded"
    """guarded (bounded queues and timeouts) or naive (neither: the control of the experiments)."""

    # Long enough that a burst waits instead of failing; the queue timeout is what really bounds the wait.
    max_queue: Annotated[int, Between(0, 1_000_000)] = 200
    """Callers that may wait for each pool."""

    discipline: DisciplineName = "patience"
    """The order in which callers of a pool are served: patience (learns how long they wait, and passes over those who
    would leave before the end), fifo, lifo, adaptive-lifo, codel, fair (kinds of jobs in turn) or priority."""

    limit: LimitName = "fixed"
    """fixed (the native pool has as many threads as --threads says) or adaptive (it begins with them, and finds out how
    many serve most). Not under the naive profile."""

    # None is 30 under the discipline patience, which needs it only for callers that never leave: as long as a job may run.
    # The others know nothing of their callers: 2 is a guess, and Node's default too.
    queue_timeout: _Seconds | None = None
    """Seconds a caller may wait for a pool before it is refused; by default 30, with another discipline than patience 2."""

    run_timeout: Annotated[float, Between(0.001, 86_400)] = 30.0
    """Seconds a job may run in a worker before the worker is killed."""

    grace: _Seconds = 3.0
    """Seconds that requests in flight get after the signal."""

    # 5 is hypercorn's and Node's own default.
    keep_alive: Annotated[float, Between(0.1, 86_400)] = 5.0
    """Seconds that a connection may stay open without a request."""

    stall_budget: Annotated[float, Between(0.001, 30)] = 0.05
    """Seconds that a pass of the run loop may take before it is reported as a stall, in /stalls."""

    separate_pools: bool = False
    """Give reports (/fib) a worker pool of their own, so that hashes never wait behind them, and slow queries (/db)
    connections of their own; each of the two pools has as many processes as --workers says, or as many connections as
    --connections, or for slow queries --slow-connections."""

    autoscale: bool = False
    """Begin with one worker in each pool, and add one while over 100 jobs wait, the loop is on time and a CPU is free."""

    default_threads: Annotated[int | None, Between(1, 1024)] = None
    """Size of Trio's own thread limiter, which file I/O and name look-ups share; Trio's default is 40."""

    connections: Annotated[int, Between(1, 1024)] = 4
    """Database connections that /db may have at once."""

    slow_connections: Annotated[int | None, Between(1, 1024)] = None
    """How many of these slow queries may hold, so that fast ones find the others free; by default all. With
    --separate-pools the connections of their own pool."""

    database: str = ""
    """The database of /db: postgresql://user@host/name. By default an SQLite file that is gone when the server ends."""

    max_jobs: Annotated[int, Between(1, 10_000_000)] = 10_000
    """Background jobs that may wait; further ones are refused."""

    jobs: str = ""
    """Where background jobs are kept: sqlite:///path (four slashes for an absolute one) or redis://host:port/database, to be
    worked at by trio-lab jobs work. By default in a file that is gone when the server ends, and the server works at them
    itself."""

    live: bool = False
    """A process beside the server shows it live, also while its loop is blocked: /live, /ready, /metrics and a page."""

    live_port: Annotated[int | None, Between(0, 65_535)] = None
    """Port of that process; by default the one after the server's, or a free one if the server takes a free one."""

    faults: bool = False
    """Add routes under /fault that crash, hang and starve this server, for drills. Loopback only."""

    def __post_init__(self) -> None:
        for name, (low, high) in _bounds().items():
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and low <= value <= high):
                raise UsageError(f"{name} must be between {low:g} and {high:g}, not {value:g}")
        for name, words in {"profile": PROFILES, "discipline": DISCIPLINES, "limit": LIMITS}.items():
            if (word := getattr(self, name)) not in words:
                raise UsageError(f"{name} must be one of {', '.join(words)}, not {word!r}")
        if self.faults and self.host not in _LOOPBACK:
            raise UsageError(f"faults are for this machine alone: host must be one of {', '.join(_LOOPBACK)}")

    @property
    def longest_wait(self) -> float:
        """The queue timeout, or its default."""
        if self.queue_timeout is not None:
            return self.queue_timeout
        return 30.0 if self.discipline == "patience" else 2.0

    @property
    def guarded(self) -> bool:
        return self.profile == "guarded"

    @property
    def adaptive(self) -> Literal["adaptive"] | None:
        """The ``limit`` of the native pool."""
        return "adaptive" if self.limit == "adaptive" and self.guarded else None

    def to_env(self) -> dict[str, str]:
        """The same as environment variables, for a server that is another program: `options.from_env` reads them back.

        Without ``faults``, which no variable can turn on, and without what is None.
        """
        values = {
            name: getattr(self, name) for option in fields(self) if (name := option.name) not in NOT_IN_ENVIRONMENT
        }
        return {PREFIX + name.upper(): _text(value) for name, value in values.items() if value is not None}


def without_config(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment for a server that is measured: a variable that was left behind must not change what it is. That of the
    database stays, because it says only where one is."""
    variables = {PREFIX + option.name.upper() for option in fields(Config) if option.name != "database"}
    return {name: value for name, value in environ.items() if name not in variables}


@cache
def _bounds() -> dict[str, tuple[float, float]]:
    hints = get_type_hints(Config, include_extras=True)
    return {
        name: (bounds.low, bounds.high)
        for name, hint in hints.items()
        for bounds in getattr(hint, "__metadata__", ())
        if isinstance(bounds, Between)
    }


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
