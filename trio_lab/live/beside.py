"""The process beside the service is kept alive by a thread, which needs no event loop: it starts it, and again when it has
died.

How often is decided by the restart policy of the pools. The service goes on without it in any case. It cannot outlive the
service: each start has a lifeline.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from ..pools.program import environment
from ..pools.restart import RestartBudget, RestartPolicy
from ..rarely import Rarely
from ..worker import lifeline

_log = logging.getLogger(__name__)


class Beside:
    """``command`` makes the command of the process from the descriptor of its lifeline; it inherits that and
    ``descriptors``."""

    def __init__(
        self,
        command: Callable[[int], Sequence[str]],
        descriptors: Sequence[int],
        *,
        policy: RestartPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command, self._descriptors, self._clock = command, tuple(descriptors), clock
        self._policy = RestartPolicy() if policy is None else policy
        self._budget = RestartBudget(self._policy)
        self._end = lifeline.keep(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK))
        self._thread = threading.Thread(target=self._run, name="trio_lab live", daemon=True)
        self._rarely = Rarely()
        self._service = os.getpid()
        self.pid: int | None = None
        """Of the process that lives now."""
        self.starts = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Kill the process, and wait for its end and that of the thread: some milliseconds. In a forked process nothing
        happens: it has neither of them, and the descriptor may be another file's by now."""
        if os.getpid() != self._service:
            return
        os.eventfd_write(self._end, 1)
        if self._thread.ident is not None:
            self._thread.join()
        lifeline.close(self._end)

    def _run(self) -> None:
        while not self._ended_before(self._budget.next_start(self._clock())):
            began = self._clock()
            self._budget.started(began)
            try:
                code = self._live()
            except OSError as error:  # no process or descriptor is to be had now
                code = error.strerror
            if code is None:
                return
            now = self._clock()
            if now - began >= self._policy.pace:
                self._budget.proved()
            self._budget.died(now, began)
            if self._rarely.due(now):
                _log.warning("the process that shows this service live has ended (%s), and is started again", code)

    def _ended_before(self, due: float) -> bool:
        """Wait until a moment; whether the end came first."""
        poll = select.poll()
        poll.register(self._end, select.POLLIN)
        return bool(poll.poll(max(0.0, due - self._clock()) * 1e3))

    def _live(self) -> int | str | None:
        """One life of the process: how it ended, None if by us."""
        reading, writing = lifeline.open_pipe()
        try:
            process = subprocess.Popen(
                self._command(reading),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(reading, *self._descriptors),
                env=environment(),
                process_group=0,
            )
            self.pid, self.starts = process.pid, self.starts + 1
            try:
                return self._watch(process)
            finally:
                self.pid = None
        finally:
            lifeline.close(reading)
            lifeline.close(writing)

    def _watch(self, process: subprocess.Popen[bytes]) -> int | str | None:
        pidfd = os.pidfd_open(process.pid)
        try:
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            poll.register(self._end, select.POLLIN)
            asked = any(descriptor == self._end for descriptor, _ in poll.poll())
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        finally:
            os.close(pidfd)
        code = process.wait()
        return None if asked else code
