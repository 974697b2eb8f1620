"""The main module of the asyncio server's worker processes: it reads calls from standard input and runs them in turn.

A call is a pickled ``(function, arguments)``, its outcome the pickled value or the pickled `Failure`. `CALL` precedes the
one, `OUTCOME` the other, which also says when the function ran. SIGUSR1 ends the job that is named in an eventfd, if it runs
Python code. Jobs are named by their number, counted from 1: one that is over is not mistaken for the next, and one that is
still on its way does not begin.

It imports the standard library only, so a worker starts in some tens of milliseconds.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import sys
from contextlib import suppress
from time import perf_counter
from types import FrameType
from typing import BinaryIO

from ...worker.failures import failure_of, unsendable
from ...worker.frames import dump
from ...worker.lifeline import tie_life
from ...worker.priority import NICER

CALL = struct.Struct("<Q")  # the length
OUTCOME = struct.Struct("<Q?dd")  # the length; whether the job has returned; when its function was called and ended


class _Interrupted(BaseException):
    """Raised in a job whose caller has left. It is no Exception, so the job's own handlers let it pass."""


class _Jobs:
    def __init__(self, interrupts: int) -> None:
        self._interrupts = interrupts
        self._begun = 0
        self._running = 0  # the number of the job; 0 is none's
        self._unwanted = 0
        self.called = self.ended = 0.0
        """When the function of the last job was called and when it ended, by `perf_counter`."""
        signal.signal(signal.SIGUSR1, self._interrupt)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the server ends us

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        with suppress(OSError):  # nothing is named; or a job closed all descriptors
            self._unwanted = os.eventfd_read(self._interrupts)
        self._stop_if_unwanted()

    def _stop_if_unwanted(self) -> None:
        if self._running and self._running == self._unwanted:
            self._running = 0
            raise _Interrupted

    def run(self, call: bytes) -> tuple[bool, bytes]:
        """Run one job: whether it has returned, and what is to be sent. Whatever the job raises, the worker goes on."""
        returned = False
        self._begun += 1
        self.called = perf_counter()
        try:
            self._running = self._begun
            self._stop_if_unwanted()
            fn, arguments = pickle.loads(call)
            self.called = perf_counter()
            value = fn(*arguments)
            returned, self._running = True, 0
            self.ended = perf_counter()
            return True, dump(value)
        except BaseException as error:
            self._running = 0  # before any call: between two calls no interrupt can raise
            if not returned:
                self.ended = perf_counter()
            return False, dump(tuple(unsendable(fn, value, error) if returned else failure_of(error)))


def _serve(calls: BinaryIO, replies: BinaryIO, interrupts: int) -> None:
    jobs = _Jobs(interrupts)
    _send(replies, True, b"", 0.0, 0.0)  # ready
    while len(head := calls.read(CALL.size)) == CALL.size:
        returned, outcome = jobs.run(calls.read(*CALL.unpack(head)))
        _send(replies, returned, outcome, jobs.called, jobs.ended)


def _send(replies: BinaryIO, returned: bool, outcome: bytes, called: float, ended: float) -> None:
    replies.write(OUTCOME.pack(len(outcome), returned, called, ended) + outcome)
    replies.flush()


def _standard_streams_apart() -> tuple[BinaryIO, BinaryIO]:
    """Keep the two pipes for calls and outcomes: a job that reads or prints gets /dev/null and standard error instead."""
    calls, replies = os.dup(0), os.dup(1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return open(calls, "rb"), open(replies, "wb")


def main() -> None:
    """``sys.argv`` holds the descriptors of the lifeline and of the eventfd."""
    lifeline, interrupts = map(int, sys.argv[1:3])
    tie_life(lifeline)
    os.nice(NICER)
    calls, replies = _standard_streams_apart()
    with suppress(BrokenPipeError):  # the server ended while we replied
        _serve(calls, replies, interrupts)


if __name__ == "__main__":
    main()
