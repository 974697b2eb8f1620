"""The main module of a worker process: takes jobs from a pipe, runs them one after the other, writes replies.

Standard library only, and no Trio: a worker starts in some tens of milliseconds (a test asserts that it stays so).

A worker must not outlive its pool, not even when the pool's process is killed with SIGKILL while a job holds the GIL in
C code: see `lifeline`. The program's main module is there when a job needs it: see `main_module`.

The pipes are moved to high descriptors, away from jobs that close what they do not know; what a job prints never gets
between two replies.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType, FunctionType
from typing import Any

from .failures import failure_of, unsendable
from .frames import (
    CANCELLED,
    EXPIRED,
    JOB,
    PACKET,
    RAISED,
    READY,
    REPLY,
    RETURNED,
    RETURNED_NONE,
    Hello,
    Pieces,
    dump,
    is_large,
    reply_frame,
)
from .importing import IMPORTING
from .lifeline import tie_life
from .main_module import stand_in

_HIGH = 200  # first descriptor to move pipes to
_NONE = dump(None)


class Cancelled(BaseException):
    """Raised in a job that the pool wants to end (SIGUSR1). Not an Exception: a job's own handlers should let it pass."""


def _move(descriptors: Sequence[int]) -> Iterator[int]:
    """Give descriptors high numbers, as far as the limit on open files allows; one that cannot be moved stays."""
    high = min(_HIGH, os.sysconf("SC_OPEN_MAX") - len(descriptors))
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
        moved = descriptor
        if descriptor < high:
            with contextlib.suppress(OSError):
                moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, high)
                os.close(descriptor)
        yield moved


class _Functions:
    """Functions by what they were pickled to: finding one by its name costs four times the rest of a small call."""

    def __init__(self) -> None:
        self._read: dict[bytes, Any] = {}

    def read(self, call: bytes, split: int) -> tuple[Any, tuple[Any, ...]]:
        """The function and the arguments of a call whose first ``split`` bytes are the function."""
        if split == len(call):
            name, args = call, ()
        else:
            name, args = call[:split], pickle.loads(memoryview(call)[split:])
        fn = self._read.get(name)
        # A job may have put another in its place.
        if fn is None or fn.__globals__.get(fn.__name__) is not fn:
            fn = pickle.loads(name)
            if type(fn) is FunctionType:
                self._read[name] = fn
        return fn, args


class Jobs:
    """Our end of the conversation."""

    def __init__(self, packets: int, calls: int, replies: int, interrupts: int) -> None:
        self._packets = packets
        self._calls = calls
        self._replies = replies
        self._interrupts = interrupts
        self._running = READY  # the number of the job that runs; READY is none's
        self.write: Callable[[bytes], None] = self._write
        signal.signal(signal.SIGUSR1, self._cancel)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # A job that forks and then returns in both processes must be answered once.
        os.register_at_fork(after_in_child=self._become_foreign)

    def _become_foreign(self) -> None:
        self.write = _leave

    def _cancel(self, signum: int, frame: FrameType | None) -> None:
        """End the job that is named. It may be over: then the next one must not suffer for it."""
        with contextlib.suppress(OSError):  # nothing is named; or a job closed all descriptors, and will be killed
            if os.eventfd_read(self._interrupts) == self._running:
                raise Cancelled

    def read_call(self, length: int) -> bytes | None:
        """None if the memory is not enough for it; it has been read then, too, for the next call comes after it."""
        pieces: list[bytes] = []
        try:
            while length:
                pieces.append(self._read_piece(length, 1 << 20))
                length -= len(pieces[-1])
            return b"".join(pieces)
        except MemoryError:
            pieces.clear()
            while length:
                length -= len(self._read_piece(length, 1 << 16))
            return None

    def _read_piece(self, length: int, most: int) -> bytes:
        piece = os.read(self._calls, min(length, most))
        if not piece:
            os._exit(0)  # the pool closed in the middle of a call
        return piece

    def _write(self, data: bytes) -> None:
        written = os.write(self._replies, data)
        if written < len(data):
            rest = memoryview(data)[written:]
            while rest:
                rest = rest[os.write(self._replies, rest) :]

    def serve(self) -> None:
        """Jobs until the pool closes the pipe. The loop is kept flat: for a job that does nothing it is the whole cost."""
        clock = time.monotonic
        loads, packets, header = pickle.loads, self._packets, JOB.size
        functions, importing = _Functions(), IMPORTING
        while packet := os.read(packets, PACKET):
            number, deadline, length, split = JOB.unpack_from(packet)
            call = packet[header:] if not length else self.read_call(length)
            begun = clock()
            if begun >= deadline:
                self.write(reply_frame(number, EXPIRED, begun, 0.0))
                continue
            try:
                self._running = number
                importing.active, importing.refusal = True, None
                if call is None:
                    raise MemoryError("the call is larger than the memory that is left")
                # Not in the queue any more: what the first call of a kind imports is part of its service.
                fn, args = functions.read(call, split) if split else loads(call)
                importing.active = False
                begun = clock()
                result = fn(*args)
                self._running = READY
                seconds = clock() - begun
                value: bytes | Pieces
                value = _NONE if result is None else Pieces().add(result) if is_large(result) else dump(result)
            except Cancelled:
                self._running, importing.active = READY, False
                self.write(reply_frame(number, CANCELLED, begun, clock() - begun))
            except BaseException as error:  # the worker outlives every job, so nothing a job raises may pass
                # No call comes before this assignment: between two calls no interrupt can raise.
                running, self._running = self._running, READY
                error, importing.active = importing.cause_of(error), False
                failure = failure_of(error) if running else unsendable(fn, result, error)
                self.write(reply_frame(number, RAISED, begun, clock() - begun, dump(tuple(failure))))
            else:
                if value is _NONE:
                    self.write(reply_frame(number, RETURNED_NONE, begun, seconds))
                elif isinstance(value, bytes):
                    self.write(reply_frame(number, RETURNED, begun, seconds, value))
                else:
                    self.write(REPLY.pack(len(value), number, RETURNED, begun, seconds))
                    for part in value.parts:
                        self.write(part)


def _leave(_: bytes) -> None:
    os._exit(0)


def _limit_memory(limit: int) -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def main(kind: type[Jobs] = Jobs) -> None:
    """``sys.argv`` holds the descriptors of the packets, the calls, the replies, the lifeline and the interrupts."""
    packets, calls, replies, lifeline, interrupts = _move([int(argument) for argument in sys.argv[1:6]])
    tie_life(lifeline)
    jobs = kind(packets, calls, replies, interrupts)
    packet = os.read(packets, PACKET)
    if not packet:
        return
    call = jobs.read_call(JOB.unpack(packet)[2])
    assert call is not None  # the memory is not bounded yet
    hello = Hello(*pickle.loads(call))
    for stream in (sys.stdout, sys.stderr):  # the pool reads UTF-8, whatever the locale is
        with contextlib.suppress(AttributeError):  # a sitecustomize may have put something else there
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    sys.path[:] = hello.sys_path
    sys.argv[:] = hello.argv
    stand_in(hello.main)
    IMPORTING.depth = hello.depth
    os.nice(hello.nicer)
    if hello.memory is not None:
        _limit_memory(hello.memory)
    with contextlib.suppress(BrokenPipeError):  # the pool went while we replied
        jobs.write(reply_frame(READY, RETURNED_NONE, 0.0, 0.0))
        jobs.serve()
