"""What a worker has sent back: a job's result, or the exception it raised. Pure: no event loop, no process.

Unpickling runs the user's code, which may raise anything. A SystemExit would end the program, so each exception that is
raised there becomes a `JobError`.

The worker's traceback is added as a note. If the exception's ``__notes__`` is not a list, the traceback becomes its
``__cause__`` instead. Adding it never replaces the exception.
"""

from __future__ import annotations

from pickle import loads
from typing import Any, NoReturn

from ..errors import JobError
from ..worker.failures import told
from ..worker.frames import Failure


def result_in(value: bytes | memoryview) -> Any:
    """The value that the job returned. Raises `JobError` when it cannot be read."""
    try:
        return loads(value)
    except BaseException as error:
        raise JobError(f"the job's result cannot be read here: {told(error)}") from error


def raise_failure(value: bytes | memoryview) -> NoReturn:
    """Raise what the job raised; ``value`` is a pickled `Failure`."""
    failure = Failure(*loads(value))
    error, text = _error_in(failure), f"\nIn the worker:\n{failure.traceback}"
    if _takes_note(error, text):
        raise error
    raise error from JobError(text)


def _error_in(failure: Failure) -> Exception:
    if failure.error is None:
        return JobError(failure.told)
    try:
        error = loads(failure.error)
        if isinstance(error, StopIteration):  # a coroutine cannot raise it: Python would make a RuntimeError of it
            return JobError(failure.told)
        if isinstance(error, Exception):
            return error
        why = f"it is read as a {type(error).__name__}"
    except BaseException as unread:
        why = told(unread)
    return JobError(f"{failure.told}\n(the exception cannot be read here: {why})")


def _takes_note(error: Exception, text: str) -> bool:
    """Add a note without `add_note`, which calls the exception's ``__setattr__``. False when ``__notes__`` is not a list."""
    try:
        notes = vars(error).setdefault("__notes__", [])
        if type(notes) is list and error.__notes__ is notes:
            notes.append(text)
            return True
    except BaseException:  # reading an attribute may run the user's code, too
        pass
    return False
