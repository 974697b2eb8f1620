"""The errors of the project, beside Trio's own (`ClosedResourceError`, `WouldBlock`).

Each says which queue refused you, or whose fault it was, and when you get it and when you do not.
"""

from __future__ import annotations


class Overloaded(Exception):
    """A queue refused you on purpose; the work was not started. The subclasses say why.

    ``queue`` is the fixed name of the queue, ``retry_after`` a hint in seconds.
    """

    def __init__(self, queue: str, *, retry_after: float = 1.0) -> None:
        super().__init__(queue)
        self.queue = queue
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.queue} is overloaded"


class QueueFull(Overloaded):
    """You get it at once when as many callers wait as may wait. You never get it after a wait."""

    def __str__(self) -> str:
        return f"{self.queue} is full"


class QueueTimeout(Overloaded):
    """You get it when you waited for the whole queue timeout without getting a place. The work was never started."""

    def __str__(self) -> str:
        return f"{self.queue} had no place in time"


class Shed(Overloaded):
    """You get it when a policy refused you so that others are served in time, at once or after a wait. The work was never
    started."""

    def __str__(self) -> str:
        return f"{self.queue} sheds load"


class Unreachable(Overloaded):
    """You get it when the server that keeps the queue cannot be reached, or refuses, or was lost before it answered. In the
    last case what you asked for may have been done. ``reason`` says what happened.
    """

    def __init__(self, queue: str, *, retry_after: float = 1.0, reason: str = "") -> None:
        super().__init__(queue, retry_after=retry_after)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.queue} cannot be reached" + (f": {self.reason}" if self.reason else "")


class RestartLimitReached(Overloaded):
    """You get it at once while workers die before they do anything useful, so that none can be kept alive.

    You never get it because one job killed its worker (that is `BrokenWorkerError`). The pool keeps trying, and accepts jobs
    again when a worker lives; ``retry_after`` says when the next attempt is due, ``reason`` why the last one failed.
    """

    def __init__(self, queue: str, *, retry_after: float = 1.0, reason: str = "") -> None:
        super().__init__(queue, retry_after=retry_after)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.queue} cannot keep a worker alive" + (f": {self.reason}" if self.reason else "")


class Closed(Exception):
    """You get it on asyncio when the queue that you entered or waited in is closed. The work was never started.

    On Trio you get `trio.ClosedResourceError` instead.
    """

    def __init__(self, queue: str) -> None:
        super().__init__(queue)
        self.queue = queue

    def __str__(self) -> str:
        return f"{self.queue} is closed"


class RunTimeout(Exception):
    """You get it when your job was started and did not end within its run timeout; its worker was killed.

    Time in the queue does not count.
    """


class BrokenWorkerError(Exception):
    """You get it when the worker process that ran your job died. Your job may or may not have had effects.

    ``exit_code`` is the child's exit status, negative for a signal as in `subprocess`, None when it is not known.
    """

    def __init__(self, message: str, *, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class JobError(Exception):
    """You get it when the exception that a job raised, or the value that it returned, cannot be pickled or unpickled, or
    when the exception would end your program (SystemExit, KeyboardInterrupt, anything that is no `Exception`).

    You also get it when a module that a job needs opens a worker pool as it is imported.

    The text has the type and the text of the exception, or says why the value cannot be sent. Any other exception of a job
    is raised as itself. Both have the worker's traceback as a note.
    """


class LabLost(Exception):
    """You get it when a lab server had to end because of a fault of its own, at its start or while it served.

    The text is one line: the fault, and the line of code that raised it. ``__cause__`` is the fault. The CLI exits with 1.
    """

    def __init__(self, fault: BaseException) -> None:
        place, trace = "", first_of(fault).__traceback__
        while trace is not None:
            place = f" ({trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno})"
            trace = trace.tb_next
        super().__init__(f"the lab broke down: {in_a_line(fault)}{place}")
        self.__cause__ = fault


class ChildLost(RuntimeError):
    """You get it when a program that the lab needs for its work, such as a load generator, ended or failed. The text is one
    line. The CLI exits with 2: nothing can be said of what was to be measured."""


class ServiceLost(Exception):
    """You get it when none of the processes of a server can be kept alive. The text is one line. The CLI exits with 1."""


class UsageError(Exception):
    """You get it when a request cannot be met. The text is one line and says what to change. The CLI exits with 2."""


def lost_by(fault: BaseException) -> UsageError | LabLost:
    """What a server raises that had to end: what its caller can correct, or the fault of its own."""
    first = first_of(fault)
    return first if isinstance(first, UsageError) else LabLost(fault)


def first_of(error: BaseException) -> BaseException:
    """The first exception in a group that is not itself a group: a nursery wraps its errors in groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def in_a_line(error: BaseException) -> str:
    """The type and the text of the first error, in one line."""
    first = first_of(error)
    return " ".join(f"{type(first).__name__}: {first}".split()).removesuffix(":")
