"""What `/health` says on any runtime: written by the servers, read by the stage, the first-full finder and the drills."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from .codec import In, Milliseconds, Ratio
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
    that of the cgroup if it is less. Both in bytes."""

    memory: Annotated[int | None, In(suffix="_bytes")]
    memory_limit: Annotated[int | None, In(suffix="_bytes")]
    descriptors: int | None


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
class Health:
    """A server at one moment. ``queues`` are in the order in which a request meets them."""

    runtime: str
    event_loop_mean_ms: Annotated[int, In(name="eventLoopMeanMs")]
    event_loop_max_ms: Annotated[int, In(name="eventLoopMaxMs")]
    threads: Annotated[int, In(name="uvThreadpoolSize")]
    pool: WorkerCounts
    native_pool: Annotated[ThreadCounts, In(name="nativePool")]
    loop: Loop
    profile: str
    process: Process | None = None
    queues: tuple[QueueStatistics, ...]
    scaling: tuple[ScalingDecision, ...] = ()

    def queue(self, name: str) -> QueueStatistics:
        """The queue of this name.

        Raises:
            KeyError: there is none; the text lists the names.
        """
        for queue in self.queues:
            if queue.name == name:
                return queue
        raise KeyError(f"no queue is called {name!r}; there are {', '.join(queue.name for queue in self.queues)}")
