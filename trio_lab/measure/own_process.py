"""What this process holds: memory and descriptors, against its limits."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from ..control_group import memory_limit
from ..records.health import Process
from .latest import Latest
from .process import children, open_descriptors, resident_bytes

_MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class OwnProcess:
    """Looks at most five times a second: a look costs some hundred microseconds, and `/health` is asked often.
    ``processes`` is how many a server has, None for one."""

    PERIOD = 0.2  # seconds

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, processes: int | None = None) -> None:
        self._processes = processes
        self._limit = min(_MACHINE, memory_limit() or _MACHINE)
        self._latest = Latest(self._look, period=self.PERIOD, clock=clock)

    def read(self) -> Process:
        """The latest look, or a new one when it is old."""
        return self._latest.read()

    def _look(self) -> Process:
        own = os.getpid()
        held = [found for pid in (own, *children(own)) if (found := resident_bytes(pid)) is not None]
        return Process(
            memory=sum(held) or None,
            memory_limit=self._limit,
            descriptors=open_descriptors(own),
            pid=own,
            processes=self._processes,
        )
