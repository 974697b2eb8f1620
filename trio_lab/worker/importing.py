"""While a worker imports what a job needs, no pool may be opened.

A program that opens its pool at the top level of a module opens another one in each worker that imports this module, whose
workers do the same: a chain of processes without an end. multiprocessing meets it in the same way. A job itself may open a
pool, and its jobs may, up to a depth that nobody reaches on purpose: that ends a chain of another making, such as a
module that starts a thread which opens a pool.

Standard library only: workers import it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_DEEPEST = 3

_GUARD = 'What only the program itself should do belongs under `if __name__ == "__main__":`'


class Importing:
    """What this process is doing. In the program itself ``active`` is always false and ``depth`` 0."""

    __slots__ = ("active", "depth", "refusal")

    def __init__(self) -> None:
        self.active = False
        """Whether a job is being unpickled, or the main file is being run for one."""
        self.depth = 0
        """How many pools lie above this process."""
        self.refusal: str | None = None
        """Why a pool was refused since `active` was set."""

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
        raise self.error()

    def error(self) -> Exception:
        from ..errors import JobError  # when it is needed: a worker must start fast

        return JobError(self.refusal)

    def cause_of(self, error: BaseException) -> BaseException:
        """The refusal of a pool, if it is what became of it in the hands of the module that opened it; else ``error``."""
        if not self.active or self.refusal is None:
            return error
        refused, self.refusal = self.error(), None
        return refused

    @contextmanager
    def running(self, file: str | None) -> Iterator[None]:
        """Around the run of the program's main ``file``, by the thread that needs something from it."""
        before, self.active = self.active, True
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
