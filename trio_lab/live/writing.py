"""The service's side of the shared memory: what is written there, by whom, and when.

- The loop writes its figures, about twice a second, as a callback of the watch's own timer.
- At each *beat* of the watch, the loop or the watchdog's thread writes when the current pass began and when the next beat is
  due. So the reader can tell a long pass from a loop that waits for I/O, and knows when a beat is missing.
- While a pass is long, the watchdog's thread also writes what the loop is stuck in, by the rules of the watch
  (`Watch.so_far`).

While a C call holds the GIL, or the process is stopped, neither can write. Then the reader has the time of the last beat, and
asks the system about the process.
"""

from __future__ import annotations

import logging
import math
import struct
import threading
from collections.abc import Callable
from time import perf_counter

from ..loop.stalls import Stall
from ..loop.watch import Watch
from ..rarely import Rarely
from ..records.codec import encode
from ..records.live import LiveFigures, Stuck
from .memory import Memory

_log = logging.getLogger(__name__)

PERIOD = 0.5  # seconds between two pages of figures
BEAT = struct.Struct("=dd")
"""When the current pass began, by `perf_counter` (not a number: the loop polls), and when the next beat is due."""
_BEAT_EVERY = 0.02  # seconds: a watch with a small budget wakes more often
_STUCK_AFTER = 0.2  # seconds that a pass lasts before it is looked into
_STUCK_EVERY = 0.1  # seconds
_LONGEST = 300  # characters of a name: programs name their tasks as they like, and the record must fit into its page


class Writer:
    """``read`` reads the figures, in the loop. What fails here is logged and never reaches the service."""

    def __init__(self, watch: Watch, memory: Memory, read: Callable[[], LiveFigures]) -> None:
        self._watch, self._memory, self._read = watch, memory, read
        self._beat_at = self._stuck_at = -math.inf
        self._rarely = Rarely()
        self._open, self._lock = True, threading.Lock()

    def open(self) -> None:
        """Write the first figures, and listen to the watchdog. Raises what reading them raises."""
        self._memory.figures.write(encode(self._read()))
        self._watch.on_beat = self.beat

    def write(self) -> None:
        """Write the figures. In the loop."""
        try:
            self._memory.figures.write(encode(self._read()))
        except Exception:
            if self._rarely.due(perf_counter()):
                _log.exception("the figures that show this service live could not be written")

    def beat(self, due: float) -> None:
        """In the loop, or in the watchdog's thread. While one of them writes, the other need not."""
        now, began = perf_counter(), self._watch.passes.pass_began()
        stuck: bytes | None = None
        if began is not None and now - began >= _STUCK_AFTER and now - self._stuck_at >= _STUCK_EVERY:
            self._stuck_at = now
            stuck = encode(_stuck(self._watch.so_far(began, now)))
        if stuck is None and now - self._beat_at < _BEAT_EVERY and due <= now + _BEAT_EVERY:
            return  # the next one comes soon; a beat after which there is none for long is always written
        self._beat_at = now
        if self._lock.acquire(blocking=False):
            try:
                if self._open:
                    if stuck is not None:
                        self._memory.stuck.write(stuck)
                    self._memory.beat.write(BEAT.pack(math.nan if began is None else began, due))
            finally:
                self._lock.release()

    def close(self) -> None:
        """The watchdog writes no more."""
        self._watch.on_beat = None
        with self._lock:
            self._open = False


def _stuck(stall: Stall) -> Stuck:
    return Stuck(
        lasted=stall.duration,
        cause=stall.cause,
        filename=stall.filename[-_LONGEST:] or None,
        lineno=stall.lineno or None,
        function=stall.function[:_LONGEST] or None,
        task=stall.task_name[:_LONGEST] or None,
        label=None if stall.label is None else stall.label[:_LONGEST],
    )
