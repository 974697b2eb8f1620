"""What a worker pool and its workers may use."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..cores import default_workers
from .restart import RestartPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """What a pool and its workers may use. Times in seconds, memory in bytes; None is no bound.

    ``size`` workers live; with a ``min_size``, more than that only while there is work for them (idle ones end after
    ``idle_timeout``). ``memory`` is a worker's hard bound: a job that wants more gets a MemoryError. A worker is replaced
    after ``max_jobs`` jobs, at the age of ``max_age``, or when it holds more than ``recycle_memory``, between two jobs.
    ``on_cancel`` says what becomes of a running job whose caller was cancelled: "abandon" lets it end, "stop" ends it.
    ``ahead`` is how many short jobs a worker may be given at a time; 1 turns sending ahead off.
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
    on_cancel: str = "abandon"
    ahead: int = 4
    restart: RestartPolicy = field(default_factory=RestartPolicy)

    def __post_init__(self) -> None:
        if self.size < 1 or not 1 <= (self.min_size or self.size) <= self.size:
            raise ValueError("size must be at least 1, and min_size between 1 and size")
        if not 1 <= self.ahead <= 8:
            raise ValueError("ahead must be between 1 and 8")  # a pipe holds 16 packets
        if self.on_cancel not in ("abandon", "stop"):
            raise ValueError("on_cancel must be abandon or stop")
