"""A process that ends with another one, however that ends, SIGKILL included, and even while C code holds the GIL.

The other process holds the writing end of a pipe it never writes to (the lifeline). This one asks for a signal when
something happens on its end (`O_ASYNC`), and chooses SIGKILL as that signal (`F_SETSIG`): the only thing that can ever
happen there is that the other is gone. Unlike PR_SET_PDEATHSIG this is tied to the other process, not to the thread
that happened to fork.

Standard library only: worker processes import it.
"""

from __future__ import annotations

import fcntl
import os
import signal


def tie_life(lifeline: int) -> None:
    """From now on this process lives no longer than the writing end of the pipe whose reading end this is.

    Whoever the signal goes to is kept with the open pipe, not with the process: two that share a reading end cannot both
    be tied to it.
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    try:
        if os.read(lifeline, 1) == b"":  # gone before we were listening
            os._exit(1)
    except BlockingIOError:
        pass
