"""A worker whose interrupts name no job: the twin of the drill `innocent-callers`.

An interrupt that comes late, because the job that it was meant for has ended meanwhile, ends the next one.
"""

from __future__ import annotations

import contextlib
import os
from types import FrameType

from ..worker.child import Cancelled, Jobs
from ..worker.child import main as serve


class NamelessJobs(Jobs):
    def _cancel(self, signum: int, frame: FrameType | None) -> None:
        with contextlib.suppress(OSError):
            os.eventfd_read(self._interrupts)
        if self._running:
            raise Cancelled


def main() -> None:
    serve(NamelessJobs)
