"""A process that ends with another one, for whatever reason that ends, even while C code holds the GIL.

The other process holds the writing end of a pipe it never writes to (the lifeline). This one asks for a signal when
something happens on its end (`O_ASYNC`), and chooses SIGKILL as that signal (`F_SETSIG`). The only thing that can ever
happen there is that the last writing end is closed. PR_SET_PDEATHSIG would be tied to the thread that started this process,
and so would kill workers when an idle thread of Trio ends.

A forked process (multiprocessing's fork method, `os.fork`) gets a copy of the writing end, and would keep the workers alive
after the program has died. A copy of the pool's other pipes does harm too: a worker would not notice that its pipe of jobs
was closed. So a forked process closes its copies at once. This holds for descriptors that were opened by `open_pipe` or
registered by `keep`; `close` closes them. Programs that are executed hold none, because all are closed on exec. C code that
calls fork itself, and executes no program, is not covered.

Standard library only: worker processes import it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from _thread import RLock

_kept: set[int] = set()
_lock = RLock()  # also held during a fork, so that no descriptor is open but not yet registered


def open_pipe(flags: int = 0) -> tuple[int, int]:
    """As `os.pipe2`, with both ends closed on exec and in forked processes."""
    with _lock:
        reading, writing = os.pipe2(os.O_CLOEXEC | flags)
        return keep(reading), keep(writing)


def keep(descriptor: int) -> int:
    """Register a descriptor: forked processes close it. Returns its number, which is a new one if it was 0, 1 or 2: a child
    process would replace it by a standard stream."""
    with _lock:
        if descriptor <= 2:
            low, descriptor = descriptor, fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
            os.close(low)
        _kept.add(descriptor)
        return descriptor


def close(descriptor: int) -> None:
    """Close a registered descriptor. In a forked process nothing happens: its copy is closed already, and the number may
    belong to another file by now."""
    with _lock:
        if descriptor in _kept:
            _kept.remove(descriptor)
            os.close(descriptor)


def _close_copies() -> None:
    for descriptor in _kept:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _kept.clear()
    _lock.release()


os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_close_copies)


def tie_life(lifeline: int) -> None:
    """From now on this process lives no longer than the writing end of the pipe whose reading end this is.

    The kernel keeps the receiver of the signal with the open pipe, not with the process: two that share a reading end
    cannot both be tied to it.
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    try:
        if os.read(lifeline, 1) == b"":  # gone before we were listening
            os._exit(1)
    except BlockingIOError:
        pass
