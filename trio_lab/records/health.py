"""What a service says of itself on any runtime: the reply of `/health`, and what the doctor reads from inside a program."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from .codec import In, Milliseconds, Ratio, Seconds
from .queue import QueueStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """Passes of the loop in one window. ``delay_p99`` is how late the loop comes to what is due, at 99 % of all moments.
    ``blind`` says why not every pass was measured, None if every pass was. A figure that the runtime cannot measure is
    None."""

    mean: Milliseconds | None
    p50: Milliseconds | None
    p99: Milliseconds | None
    max: Milliseconds | None
    delay_p99: Milliseconds | None = None
    utilization: Ratio | None
    passes: int | None
    blind: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerCounts:
    """All worker pools together."""

    workers: int
    busy: int
    queued: int
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadCounts:
    """The native pool. ``abandoned`` threads still run although their callers have left; they count as busy."""

    threads: int
    busy: int
    abandoned: int
    queued: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What the server's process holds. ``memory`` is resident, with that of its children; ``memory_limit`` the machine's, or
    that of the cgroup if it is less. Both in bytes. ``pid`` is the process that answers, ``processes`` how many the
    server has, None if it has one."""

    OPTIONAL: ClassVar[tuple[str, ...]] = ("processes",)

    memory: Annotated[int | None, In(suffix="_bytes")]
    memory_limit: Annotated[int | None, In(suffix="_bytes")]
    descriptors: int | None
    pid: int | None = None
    processes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingDecision:
    """One decision of an autoscaler, and what it was based on; None for what was not known. Times in seconds."""

    number: int
    ago: Annotated[float, In(suffix="_s", digits=3)]
    pool: str
    queued_jobs: int
    free_cores: float | None
    size: int
    ready: int
    busy: int
    cpu_is_available: bool
    loop_lag: Annotated[float | None, In(suffix="_ms", factor=1e3, digits=3)]
    idle_for: Annotated[float, In(suffix="_s", digits=3)]
    wanted: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a process has used since ``elapsed`` seconds ago, so that two of them give a rate. None: the system does not tell.

    ``cpu`` is of all its threads, ``loop_cpu`` of the loop's thread, ``children_cpu`` of its child processes. ``run_delay``
    is how long all its threads together could run and had no CPU, ``loop_run_delay`` the loop's thread alone.
    ``throttled`` is how long a CPU quota stopped the threads of its cgroup, ``stolen`` how long the host of a virtual machine
    took its cores, both added up over threads or cores. ``gc`` is the time of collections of cyclic garbage. ``cores``
    are those that it may use; memory is in bytes.
    """

    elapsed: Seconds
    cpu: Seconds
    loop_cpu: Seconds | None = None
    children_cpu: Seconds | None = None
    run_delay: Seconds | None = None
    loop_run_delay: Seconds | None = None
    throttled: Seconds | None = None
    stolen: Seconds | None = None
    gc: Seconds | None = None
    cores: float | None = None
    descriptors: int | None = None
    max_descriptors: int | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StallFigures:
    """All stalls of one line and cause since the watch was opened. ``share`` is how much of the sampled time the line was
    seen for: all of it for a line that blocks, little for many short calls. ``awaits`` is how often a step was found to have
    gone into an await, or out of one, since the look before: hardly ever for a line that blocks. ``by_coroutines`` has
    the seconds for which the step was in each group of coroutines, by a number for them that is the same in all rows."""

    filename: Annotated[str, In(name="file")]
    lineno: Annotated[int, In(name="line")]
    function: str
    cause: str
    count: int
    total: Milliseconds
    longest: Milliseconds
    samples: int = 0
    share: Ratio | None = None
    awaits: Ratio | None = None
    by_coroutines: dict[str, float] = field(default_factory=dict)
    task: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A server at one moment. ``queues`` are in the order in which a request meets them. The intervals of the timer probe are
    None where none runs, ``profile`` is empty for a program that has none. ``stalls`` is None where they are
    not watched, or are told by a route of their own."""

    OPTIONAL: ClassVar[tuple[str, ...]] = ("usage", "stalls")

    runtime: str
    event_loop_mean_ms: Annotated[int | None, In(name="eventLoopMeanMs")]
    event_loop_max_ms: Annotated[int | None, In(name="eventLoopMaxMs")]
    threads: Annotated[int, In(name="uvThreadpoolSize")]
    pool: WorkerCounts
    native_pool: Annotated[ThreadCounts, In(name="nativePool")]
    loop: Loop
    profile: str
    process: Process | None = None
    queues: tuple[QueueStatistics, ...]
    scaling: tuple[ScalingDecision, ...] = ()
    usage: Usage | None = None
    stalls: tuple[StallFigures, ...] | None = None

    @property
    def partial(self) -> str | None:
        """Why these figures are not those of the whole server; None if they are."""
        count = None if self.process is None else self.process.processes
        return None if count is None else f"the server has {count} processes, and each tells of itself"

    def queue(self, name: str) -> QueueStatistics:
        """The queue of this name.

        Raises:
            KeyError: there is none; the text lists the names.
        """
        for queue in self.queues:
            if queue.name == name:
                return queue
        raise KeyError(f"no queue is called {name!r}; there are {', '.join(queue.name for queue in self.queues)}")
