"""A process that ends with another one, however that ends, SIGKILL included, and even while C code holds the GIL.

The other process holds the writing end of a pipe it never writes to (the lifeline). This one asks for a signal when
something happens on its end (`O_ASYNC`), and chooses SIGKILL as that signal (`F_SETSIG`): the only thing that can ever
happen there is that the other is gone. Unlike PR_SET_PDEATHSIG this is tied to the other process, not to the thread
that happened to fork.

PR_SET_PDEATHSIG would also end the workers whenever a thread ends that started them, as Trio's idle threads do.

A process that the other one forks (multiprocessing's fork method, `os.fork`) holds a copy of the writing end, so that
nothing would happen on the lifeline as long as it lives. So it closes its copy at once: descriptors that must stay with
the process that opened them are opened by `open_pipe` or handed to `keep`, and closed by `close`. A program that execs
another needs none of this, since all are closed on exec. Only C code that forks by itself and does not exec escapes it.

Standard library only: worker processes import it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from _thread import RLock

_kept: set[int] = set()
_lock = RLock()  # held while this process forks, so that no descriptor is open and not yet kept


def open_pipe(flags: int = 0) -> tuple[int, int]:
    """As `os.pipe2`, closed on exec; both ends stay with this process."""
    with _lock:
        reading, writing = os.pipe2(os.O_CLOEXEC | flags)
        return keep(reading), keep(writing)


def keep(descriptor: int) -> int:
    """This descriptor stays with this process. Returns its number, which is another if a standard stream's was free: a
    child would put its own stream there."""
    with _lock:
        if descriptor <= 2:
            low, descriptor = descriptor, fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
            os.close(low)
        _kept.add(descriptor)
        return descriptor


def close(descriptor: int) -> None:
    """Close what `open_pipe` or `keep` returned. Nothing happens in a forked process, which has closed its copy, and where
    the number may be another file's by now."""
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
