"""A worker that ends whatever job is running when an interrupt comes: part of the control of the drill `innocent-callers`.

An interrupt may come when the job that it was meant for has ended already. Then this worker ends the next job.
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
