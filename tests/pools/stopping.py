"""Workers that hang, for tests."""

from __future__ import annotations

import os
import signal


def stop(pid: int) -> None:
    """Returns when the worker has stopped. Right after the signal it may still read a job, on a busy machine."""
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
