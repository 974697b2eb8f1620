"""Every error of the project. Beside Trio's own (`ClosedResourceError`, `WouldBlock`) there are few, and they are flat:
each says which queue you waited in, or whose fault it was."""

from __future__ import annotations


class Overloaded(Exception):
    """The service chose to refuse: not an accident but a decision, and it costs the caller no wait.

    ``queue`` is the fixed name of the queue that refused, ``retry_after`` a hint in seconds.
    """

    def __init__(self, queue: str, *, retry_after: float = 1.0) -> None:
        super().__init__(queue)
        self.queue = queue
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.queue} is overloaded"


class QueueFull(Overloaded):
    """You get it at once when as many callers wait as may wait. You never get it after having waited."""

    def __str__(self) -> str:
        return f"{self.queue} is full"


class QueueTimeout(Overloaded):
    """You get it after having waited the whole queue timeout without a place. The work was never started."""

    def __str__(self) -> str:
        return f"{self.queue} had no place in time"


class Shed(Overloaded):
    """You get it when a policy chose you to be refused so that others may be served in time. It may come at once, or after
    some wait; the work was never started."""

    def __str__(self) -> str:
        return f"{self.queue} sheds load"


class RestartLimitReached(Overloaded):
    """You get it at once while no worker can be kept alive: too many have died before they did anything useful.

    You never get it because one job killed its worker (that is `BrokenWorkerError`). It goes away by itself when a
    worker lives again; ``retry_after`` says when the next attempt is due.
    """

    def __str__(self) -> str:
        return f"{self.queue} cannot keep a worker alive"


class Closed(Exception):
    """You get it on asyncio when the queue you waited in, or came to, was closed. The work was never started.

    On Trio you get `trio.ClosedResourceError` instead.
    """

    def __init__(self, queue: str) -> None:
        super().__init__(queue)
        self.queue = queue

    def __str__(self) -> str:
        return f"{self.queue} is closed"


class RunTimeout(Exception):
    """You get it when your job began and did not end within its run timeout; its worker was killed.

    Time spent waiting in the queue never counts towards it.
    """


class BrokenWorkerError(Exception):
    """You get it when the worker process that ran your job died. Your job may or may not have had effects.

    ``exit_code`` is the child's exit status, negative for a signal (as `subprocess` has it), ``None`` when not known.
    """

    def __init__(self, message: str, *, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class JobError(Exception):
    """You get it when a job raised an exception that cannot travel as itself, or returned what cannot travel.

    The text holds what the worker could say about it. An exception that can travel is raised as itself, with the
    worker's traceback as a note.
    """


class LabLost(Exception):
    """You get it when a lab server had to end because of a fault in the lab itself, at its start or while it served.

    The text is one line: what the fault was, and where. ``__cause__`` is the fault. The CLI ends with 1.
    """

    def __init__(self, fault: BaseException) -> None:
        first = fault
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        place, trace = "", first.__traceback__
        while trace is not None:
            place = f" ({trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno})"
            trace = trace.tb_next
        super().__init__(" ".join(f"the lab broke down: {type(first).__name__}: {first}".split()) + place)
        self.__cause__ = fault


class UsageError(Exception):
    """What the caller asked for cannot be done; the text is one line and says what to change. The CLI ends with 2."""


def first_of(error: BaseException) -> BaseException:
    """The first plain exception in a group: a nursery wraps whatever ends it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def in_a_line(error: BaseException) -> str:
    """What went wrong first, by its type and its words."""
    first = first_of(error)
    return " ".join(f"{type(first).__name__}: {first}".split())
