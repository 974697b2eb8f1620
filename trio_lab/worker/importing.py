"""No pool may be opened while a worker imports what a job needs.

Suppose a program opens its pool at the top level of a module. Each worker that imports this module opens another pool, whose
workers do the same: a chain of processes without an end. multiprocessing knows the same trap.

A job may open a pool, and the jobs of that pool may, but only three pools deep. This ends chains that are made in another
way, for example by a module that starts a thread, which then opens a pool.

Standard library only: workers import it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_DEEPEST = 3

_GUARD = 'What only the program itself should do belongs under `if __name__ == "__main__":`'


class Importing:
    """Whether this process imports something for a job. In the program ``active`` is always false, and ``depth`` is 0."""

    __slots__ = ("active", "depth", "refusal")

    def __init__(self) -> None:
        self.active = False
        """Whether a job is being unpickled, or the main file is being run for one."""
        self.depth = 0
        """How many pools this process is below: 1 in a worker of the program."""
        self.refusal: str | None = None
        """The text of the error, if a pool was refused during this import; whoever begins one sets it to None."""

    def check_pool(self, opening: str) -> None:
        """Raise a JobError if no pool may be opened now; ``opening`` is the name of the function that would."""
        if self.active:
            self.refusal = (
                f"{opening} was called while a worker imported what its job needs, so every worker would open another "
                f"pool. {_GUARD}"
            )
        elif self.depth > _DEEPEST:
            self.refusal = f"{opening} was called in a worker of a worker, {self.depth} pools deep. {_GUARD}"
        else:
            return
        raise self._error()

    def _error(self) -> Exception:
        from ..errors import JobError  # not at the top: a worker must start fast

        return JobError(self.refusal)

    def cause_of(self, error: BaseException) -> BaseException:
        """What to report for an import that raised ``error``: the refusal of a pool, if there was one. The module that opened
        the pool may have caught it, or a nursery may have put it into a group."""
        if not self.active or self.refusal is None:
            return error
        refused, self.refusal = self._error(), None
        return refused

    @contextmanager
    def running(self, file: str | None) -> Iterator[None]:
        """A context in which the program's main ``file`` is run."""
        before, self.active = self.active, True
        if not before:
            self.refusal = None
        try:
            yield
        except SystemExit as error:
            self.refusal = self.refusal or f"{file} ended with SystemExit({error.code}) when a worker ran it. {_GUARD}"
            raise self.cause_of(error) from error
        except Exception as error:
            error.add_note(f"This was raised when a worker ran {file}. {_GUARD}.")
            raise self.cause_of(error) from error
        finally:
            self.active = before


IMPORTING = Importing()
