"""A process without a free descriptor, and a count of what a serving loop then tries."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from trio_lab.http.listening import Shortage


@contextmanager
def no_descriptors() -> Iterator[None]:
    """For the length of the block this process can open nothing."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    first_free = os.dup(0)
    os.close(first_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (first_free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


class Impatient(Shortage):
    """Tries again very soon, and calls ``on_many`` when it has failed five times."""

    PAUSE = 0.001

    def __init__(self, on_many: Callable[[], object]) -> None:
        super().__init__()
        self._on_many = on_many
        self._attempts = 0

    def note(self, error: OSError) -> None:
        super().note(error)
        self._attempts += 1
        if self._attempts == 5:
            self._on_many()
