"""The main module of a worker process: reads jobs from a pipe, runs them one after the other, writes replies.

Standard library only, and no Trio: a worker starts in some tens of milliseconds (a test asserts that it stays so).

A worker must not outlive its pool, not even when the pool's process is killed with SIGKILL while a job holds the GIL in
C code. Python code in the worker could not notice that; the kernel can. The pool holds the writing end of a pipe it
never writes to (the lifeline). The worker asks for a signal when something happens on its end (`O_ASYNC`), and chooses
SIGKILL as that signal (`F_SETSIG`): the only thing that can ever happen there is that the pool is gone. Unlike
PR_SET_PDEATHSIG this is tied to the pool's process, not to the thread that happened to fork.

The pipes are moved to high descriptors, away from jobs that close what they do not know; what a job prints goes to
standard error, never between two frames.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import runpy
import signal
import sys
import time
import traceback
from types import ModuleType
from typing import Any, BinaryIO

from .frames import HEADER, READY, Hello, Reply, dump, frame

_HIGH = 200  # first descriptor to move pipes to


def _tie_life(lifeline: int) -> None:
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    try:
        if os.read(lifeline, 1) == b"":  # gone before we were listening
            os._exit(1)
    except BlockingIOError:
        pass


def _move(descriptor: int) -> int:
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    os.close(descriptor)
    return moved


class _PoolsMain(ModuleType):
    """Stands in for ``__main__``: runs the pool's main file when a job names something in it, and not before.

    The file runs under another name, as multiprocessing does it, so what it guards with ``if __name__ == "__main__"``
    does not run here.
    """

    def __init__(self, file: str) -> None:
        super().__init__("__main__")
        self.__dict__["_file"] = file

    def __getattr__(self, name: str) -> Any:
        file = self.__dict__.pop("_file", None)
        if file is None or name.startswith("__"):
            raise AttributeError(name)
        self.__dict__.update(
            {key: value for key, value in runpy.run_path(file, run_name="__mp_main__").items() if key != "__name__"}
        )
        return self.__dict__[name]


def _read(jobs: BinaryIO) -> bytes | None:
    """The next frame's body, or None when the pool has closed the pipe."""
    header = jobs.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (size,) = HEADER.unpack(header)
    body = jobs.read(size)
    return body if len(body) == size else None


def _write(replies: int, body: bytes) -> None:
    rest = memoryview(frame(body))
    while rest:
        rest = rest[os.write(replies, rest) :]


def _describe(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).rstrip()


def _portable(error: BaseException) -> bytes | None:
    """The pickled exception, or None when it would not arrive as what it is.

    SystemExit and KeyboardInterrupt are for the process that raised them: they never travel.
    """
    if not isinstance(error, Exception):
        return None
    try:
        body = dump(error)
        return body if type(pickle.loads(body)) is type(error) else None
    except Exception:  # whatever a foreign __reduce__ raises: the exception travels as text instead
        return None


def _run(job: int, fn: Any, args: Any) -> Reply:
    begun = time.perf_counter()
    try:
        result = fn(*args)
        seconds = time.perf_counter() - begun
        return Reply(job, True, dump(result), "", seconds)
    except BaseException as error:  # the worker outlives every job, so nothing a job raises may pass
        return Reply(job, False, _portable(error), _describe(error), time.perf_counter() - begun)


def main() -> None:
    """``sys.argv`` holds the descriptors of the jobs, the replies and the lifeline."""
    jobs_fd, replies_fd, lifeline_fd = (int(argument) for argument in sys.argv[1:4])
    _tie_life(_move(lifeline_fd))
    replies = _move(replies_fd)
    os.dup2(2, 1)
    with open(_move(jobs_fd), "rb") as jobs:
        hello_body = _read(jobs)
        if hello_body is None:
            return
        hello = Hello(*pickle.loads(hello_body))
        sys.path[:] = hello.sys_path
        if hello.main_file is not None:
            sys.modules["__main__"] = _PoolsMain(hello.main_file)
        os.nice(hello.nicer)
        try:
            _write(replies, READY)
            while (body := _read(jobs)) is not None:
                _write(replies, dump(tuple(_answer(body))))
        except BrokenPipeError:
            pass  # the pool went while we replied


def _answer(body: bytes) -> Reply:
    job = 0
    try:
        job, call = pickle.loads(body)
        fn, args = pickle.loads(call)
    except BaseException as error:  # a function that cannot be found here is the job's failure, not the worker's
        return Reply(job, False, _portable(error), _describe(error), 0.0)
    return _run(job, fn, args)
