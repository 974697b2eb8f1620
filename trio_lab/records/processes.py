"""The processes of a service that has several, as their supervisor tells them to whoever shows the service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from .codec import In
from .summary import Buckets


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProcess:
    """One process: its ``number`` from 1, and its ``region`` of the shared memory. While it is replaced there are two of a
    number; the one that is ``ending`` is the old one. ``pid`` is None until its program has started."""

    number: int
    pid: int | None
    state: Literal["starting", "serving", "ending"]
    region: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What processes that have ended had counted under one name and these labels: a ``value``, or ``buckets`` of a
    histogram."""

    metric: str
    labels: tuple[str, ...]
    value: Annotated[float | None, In(name="value")] = None
    buckets: Buckets | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProcesses:
    """``count`` is how many there should be, ``restarts`` how many were started in place of one that had ended unasked.
    ``ended`` is what those counted that are not among the ``processes`` any more."""

    count: int
    restarts: int
    processes: tuple[ServerProcess, ...]
    ended: tuple[Counted, ...] = ()
