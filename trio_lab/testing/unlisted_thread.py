"""A thread that `threading.enumerate` does not list, because the tests of a program may count its threads."""

from __future__ import annotations

import _thread
import os
import threading
import time
from collections.abc import Callable

_MOMENT = 0.0002  # seconds


class UnlistedThread:
    """Runs ``target`` once. It does not keep the interpreter from exiting."""

    ident: int | None = None

    def __init__(self, target: Callable[[], None]) -> None:
        self._target = target
        self._running = _thread.allocate_lock()  # held while it runs
        self._native: int | None = None

    def start(self) -> None:
        self._running.acquire()
        try:
            self.ident = _thread.start_new_thread(self._run, ())
        except BaseException:
            self._running.release()
            raise

    def _run(self) -> None:
        self._native = threading.get_native_id()
        try:
            self._target()
        finally:
            self._running.release()

    def is_alive(self) -> bool:
        return self._running.locked()

    def join(self) -> None:
        """Wait until it has ended, for the system as well: Python warns a process that forks while it has threads."""
        with self._running:
            pass
        while os.path.exists(f"/proc/self/task/{self._native}"):
            time.sleep(_MOMENT)
