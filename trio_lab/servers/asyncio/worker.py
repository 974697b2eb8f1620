"""The main module of the asyncio server's worker processes: it reads calls from standard input and runs them in turn.

A call is a pickled ``(function, arguments)``, its outcome a pickled ``(value, error)`` of which one is None. The length
of each, eight bytes, precedes it. SIGUSR1 ends the running job if it runs Python code; between two jobs it is ignored.

It imports the standard library only, so a worker starts in some tens of milliseconds.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import sys
from contextlib import suppress
from types import FrameType
from typing import BinaryIO

from ...worker.lifeline import tie_life
from ...worker.priority import NICER

LENGTH = struct.Struct("<Q")


class _Interrupted(BaseException):
    """Raised in a job whose caller has left. It is no Exception, so the job's own handlers let it pass."""


class _Jobs:
    def __init__(self) -> None:
        self._running = False
        signal.signal(signal.SIGUSR1, self._interrupt)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the server ends us

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._running:
            self._running = False
            raise _Interrupted

    def run(self, call: bytes) -> bytes:
        """Run one job, and return its outcome ready to be sent. Whatever the job raises, the worker goes on."""
        try:
            fn, arguments = pickle.loads(call)
            self._running = True
            value = fn(*arguments)
            self._running = False
            return pickle.dumps((value, None))
        except BaseException as error:
            self._running = False
            return _failure(error)


def _failure(error: BaseException) -> bytes:
    """The outcome of a job that raised. An error that cannot be pickled is sent as its text."""
    try:
        return pickle.dumps((None, error if isinstance(error, Exception) else RuntimeError(repr(error))))
    except Exception:  # a __reduce__ of the job's own may raise anything
        return pickle.dumps((None, RuntimeError(repr(error))))


def _serve(calls: BinaryIO, replies: BinaryIO) -> None:
    jobs = _Jobs()
    _send(replies, pickle.dumps((os.getpid(), None)))  # ready
    while len(head := calls.read(LENGTH.size)) == LENGTH.size:
        _send(replies, jobs.run(calls.read(*LENGTH.unpack(head))))


def _send(replies: BinaryIO, outcome: bytes) -> None:
    replies.write(LENGTH.pack(len(outcome)) + outcome)
    replies.flush()


def _standard_streams_apart() -> tuple[BinaryIO, BinaryIO]:
    """Keep the two pipes for calls and outcomes: a job that reads or prints gets /dev/null and standard error instead."""
    calls, replies = os.dup(0), os.dup(1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return open(calls, "rb"), open(replies, "wb")


def main() -> None:
    """``sys.argv`` holds the descriptor of the lifeline."""
    tie_life(int(sys.argv[1]))
    os.nice(NICER)
    calls, replies = _standard_streams_apart()
    with suppress(BrokenPipeError):  # the server ended while we replied
        _serve(calls, replies)


if __name__ == "__main__":
    main()
