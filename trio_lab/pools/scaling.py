"""Whether one more worker would help. Pure: what is known is an argument, what is decided is the result.

A long queue alone does not say that workers are missing. When the loop is late the jobs' results wait for it, however
many workers made them; when no core is free a further worker takes its time from the others. The rule and its
thresholds are the sources' (`shouldScaleCpuPool`); what they leave open, when to shrink and when to look again, is ours.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..records.health import ScalingDecision

MANY_QUEUED = 100
"""Jobs that may wait before their number is a reason for more workers."""

LATE = 0.030
"""Seconds of loop delay from which on the loop is what is short."""

FREE = 0.3
"""Cores that must be idle to count as a free CPU: a worker that gets less than a third of one brings little."""


def should_scale_cpu_pool(*, queued_jobs: int, loop_lag: float, cpu_is_available: bool) -> bool:
    """The sources' rule: over a hundred jobs wait, the loop is less than 30 ms late, and a CPU is free.

    ``loop_lag`` in seconds.
    """
    return queued_jobs > MANY_QUEUED and loop_lag < LATE and cpu_is_available


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What a decision is made from. Times in seconds; ``loop_lag`` is infinite and ``free_cores`` None when not known.

    ``size`` workers are wanted, ``ready`` of them live, ``busy`` run a job. ``idle_for`` is how long nothing has waited
    while a worker was idle.
    """

    queued_jobs: int
    loop_lag: float
    free_cores: float | None
    size: int
    ready: int
    busy: int
    idle_for: float

    @property
    def cpu_is_available(self) -> bool:
        """What cannot be read is not taken for free."""
        return self.free_cores is not None and self.free_cores >= FREE


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One look at a pool: its signals, the ``wanted`` number of workers, and why. ``at`` by the run's clock."""

    number: int
    at: float
    pool: str
    signals: Signals
    wanted: int
    reason: str

    def record(self, now: float) -> ScalingDecision:
        """The same for other processes: how long ago it was instead of when, for no other process has this clock."""
        signals = {entry.name: getattr(self.signals, entry.name) for entry in fields(self.signals)}
        return ScalingDecision(
            number=self.number,
            ago=now - self.at,
            pool=self.pool,
            **signals,
            cpu_is_available=self.signals.cpu_is_available,
            wanted=self.wanted,
            reason=self.reason,
        )


def decide(signals: Signals, *, smallest: int, largest: int, idle_after: float) -> tuple[int, str]:
    """How many workers to want, one more or one fewer at a time, and the reason in words."""
    size = signals.size
    if should_scale_cpu_pool(
        queued_jobs=signals.queued_jobs, loop_lag=signals.loop_lag, cpu_is_available=signals.cpu_is_available
    ):
        if size >= largest:
            return size, "as large as it may be"
        if signals.ready < size:
            return size, "the last one is still starting"
        return size + 1, "many wait, the loop is on time, a CPU is free"
    if size > smallest and signals.idle_for >= idle_after:
        return size - 1, "nothing waits and a worker has been idle for long"
    return size, _why_not(signals)


def _why_not(signals: Signals) -> str:
    if signals.queued_jobs <= MANY_QUEUED:
        return f"not more than {MANY_QUEUED} wait"
    if not signals.loop_lag < LATE:
        return "the loop is late: more workers would wait for it too"
    if signals.free_cores is None:
        return "whether a CPU is free cannot be read"
    return "no CPU is free"
