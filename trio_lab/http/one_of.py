"""What a server is told that is one of several processes of a service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """It is one ``of`` so many. ``memory`` is the descriptor of the service's shared memory, ``region`` this process's part of
    it; the regions of all are those below ``regions``. ``answers`` is where it writes where its loop is. ``jobs`` is the file
    of the service's own jobs."""

    of: int
    memory: int
    region: int
    regions: int
    answers: int
    jobs: Path
