"""What a worker has sent back: a job's result, or the exception it raised. Pure: no event loop, no process.

Reading them runs foreign code, which may raise anything. A SystemExit from it would end the program, so whatever it
raises becomes a `JobError`. The worker's traceback goes along as a note. An exception that takes no note (its
``__notes__`` is something else than a list) gets a cause with it instead: nothing that is added may replace the
exception.
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
        if isinstance(error, StopIteration):  # Python lets none out of a coroutine
            return JobError(failure.told)
        if isinstance(error, Exception):
            return error
        why = f"it is read as a {type(error).__name__}"
    except BaseException as unread:
        why = told(unread)
    return JobError(f"{failure.told}\n(the exception cannot be read here: {why})")


def _takes_note(error: Exception, text: str) -> bool:
    """Add a note, past a ``__setattr__`` that would object to `add_note`. False when the notes are no list."""
    try:
        notes = vars(error).setdefault("__notes__", [])
        if type(notes) is list and error.__notes__ is notes:
            notes.append(text)
            return True
    except BaseException:  # an attribute may be anything, too
        pass
    return False
