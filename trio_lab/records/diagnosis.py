"""What the doctor says of a service."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from .codec import In, Milliseconds, Ratio

Rate = Annotated[float, In(digits=2)]
Between = tuple[Annotated[float, In(digits=2)], Annotated[float, In(digits=2)]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A fix that can be set without a change of the code. ``of`` is the name of a queue, ``capacity`` how many places it is to
    have. ``offload`` moves the work from the loop or from threads to worker processes, ``separate`` gives it a limiter of its
    own."""

    of: str
    name: Literal["capacity", "offload", "separate"]
    value: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """What to do, in a line; and as a setting, if it is one."""

    says: str
    setting: Setting | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that holds. ``step`` is its place in the order of fixes, ``because`` what it rests on in a sentence, ``figures``
    the same as numbers, ``doubt`` what would change its mind. The advice of the same id says more than the ``fix``."""

    id: str
    step: int
    because: str
    figures: dict[str, float | bool | str | None]
    doubt: str
    fix: Fix


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A queue under the ramp: by how many callers a second it grew at the highest load, and the load at which that began."""

    name: str
    growth: Annotated[float, In(digits=2)]
    onset_load: Rate | None
    onset_interval: Between | None
    service_ratio: Ratio | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One service. Loads are requests per second, intervals hold the true value with 95 %.

    ``healthy`` is whether no queue grows up to the target; None when there is no target, or that could not be told.
    ``first_full`` is the queue that fills first, "none" when none grew, None when that was not observed. ``confidence`` is
    how sure that is, from 0 to 1. ``blind_to`` says what could not be seen. Of the rules that hold, ``findings`` has those
    of the earliest step; ``later`` names the others, to be looked at again when these are put right.
    """

    healthy: bool | None
    verdict: str
    first_full: str | None
    onset_load: Rate | None
    onset_interval: Between | None
    saturation_load: Rate | None
    saturation_interval: Between | None
    confidence: Ratio | None
    service_time: Milliseconds | None
    concurrency: Annotated[float | None, In(digits=2)]
    decline: Ratio | None
    seconds_needed: Annotated[float | None, In(digits=0)]
    blind_to: tuple[str, ...]
    findings: tuple[Finding, ...]
    later: tuple[str, ...] = ()
    queues: tuple[Growth, ...] = field(default=())
