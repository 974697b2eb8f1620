"""A figure that is costly to read and asked for often: the latest reading serves for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """What ``look`` returns, read again when it is older than ``period`` seconds."""

    def __init__(self, look: Callable[[], T], *, period: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._look, self._period, self._clock = look, period, clock
        self._seen: T | None = None
        self._at = 0.0

    def read(self) -> T:
        now = self._clock()
        if self._seen is None or now - self._at >= self._period:
            self._at, self._seen = now, self._look()
        return self._seen
