"""Jobs that go wrong, on purpose: the drills run them, and `trio-lab serve --faults` runs some of them by name.

Standard library only: worker children import this module.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

from ..work import hash_password

LOG_VARIABLE = "TRIO_LAB_FAULT_LOG"
"""Names the file in which jobs say when they begin and end; without it they say nothing."""


def say(what: str, number: int) -> None:
    """A line of the log: ``what number pid seconds`` (monotonic clock). Appended whole, whoever else writes."""
    if path := os.environ.get(LOG_VARIABLE):
        log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(log, f"{what} {number} {os.getpid()} {time.monotonic():.6f}\n".encode())
        os.close(log)


# Jobs for the network's door: all take a number, which identifies the call, and a time in milliseconds.


def wait(number: int, ms: int) -> int:
    """A good job that says when it begins and when it ends."""
    say("begin", number)
    time.sleep(ms / 1e3)
    say("end", number)
    return number


def loop(number: int, ms: int) -> NoReturn:
    say("begin", number)
    while True:
        pass


def sleep(number: int, ms: int) -> None:
    say("begin", number)
    time.sleep(3600)


def deaf(number: int, ms: int) -> NoReturn:
    """Does not listen when it is asked to end, in any of the ways in which one can be asked."""
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(name, signal.SIG_IGN)
    say("begin", number)
    while True:
        pass


def compute(number: int, ms: int) -> None:
    """Long, in C, without the GIL."""
    say("begin", number)
    hash_password(2_000_000_000)


def hold_gil(number: int, ms: int) -> None:
    """Long, in C, with the GIL: no line of Python runs in this process meanwhile."""
    say("begin", number)
    pow(3, 10**9)


def leave(number: int, ms: int) -> NoReturn:
    say("begin", number)
    os._exit(9)


BY_NAME: dict[str, Callable[[int, int], Any]] = {
    job.__name__.replace("_", "-"): job for job in (wait, loop, sleep, deaf, compute, hold_gil, leave)
}


class Announced(Exception):
    """What a job raises when its caller asks for it."""


def end(number: int, seconds: float, how: str) -> int:
    """A job that ends as its caller asks: it returns its number, raises it, or ends its process."""
    if seconds:
        time.sleep(seconds)
    if how == "raise":
        raise Announced(number)
    if how == "die":
        os._exit(9)
    return number


# Sudden deaths.


def _no_core() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def segfault() -> None:
    _no_core()
    ctypes.string_at(0)


def abort() -> None:
    _no_core()
    os.abort()


def exit_well() -> None:
    """The treacherous one: the parent sees a process that ended as if all were done."""
    os._exit(0)


def overflow_stack() -> None:
    """Recursion through C on a small stack: no RecursionError comes before its end."""
    _no_core()
    resource.setrlimit(resource.RLIMIT_STACK, (1 << 18, resource.getrlimit(resource.RLIMIT_STACK)[1]))
    sys.setrecursionlimit(1_000_000)
    _deeper(0)


def _deeper(_: int) -> Any:
    return list(map(_deeper, [0]))


def nap(seconds: float) -> tuple[int, float, float]:
    """A good job: the process that ran it, and when it began and ended there by the monotonic clock."""
    begun = time.monotonic()
    time.sleep(seconds)
    return os.getpid(), begun, time.monotonic()


# Jobs that answer, in some way, and leave the worker in a worse state than they found it.


class Untravelled(Exception):
    """Pickles, and cannot be made again from what it pickles to."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one)


def return_unpicklable() -> Any:
    return lambda: None


def return_much(megabytes: int) -> bytes:
    return bytes(megabytes * 1_000_000)


def raise_untravelled() -> NoReturn:
    raise Untravelled("one", "two")


def exit_softly() -> NoReturn:
    sys.exit(3)


def interrupt() -> NoReturn:
    raise KeyboardInterrupt


def recurse() -> Any:
    return recurse()


async def coroutine() -> None:
    pass


def generate() -> Any:
    yield 1


def chatter() -> str:
    """Prints much, by Python and past it."""
    sys.stdout.write("noise " * 2_000)
    sys.stdout.flush()
    os.write(1, b"\x00\xff" * 2_000)
    os.write(2, b"more\n")
    return "said"


def close_descriptors() -> str:
    os.closerange(3, 21)
    return "closed"


def fork_and_stay() -> str:
    """Leaves a process behind that holds everything open for a while."""
    if os.fork() == 0:
        time.sleep(3)
        os._exit(0)
    return "forked"


def fork_and_return() -> str:
    """The child comes back from the job as well as the parent."""
    os.fork()
    return "twice"


def leave_thread() -> str:
    threading.Thread(target=time.sleep, args=(2,), daemon=False).start()
    return "left"


def change_directory() -> str:
    os.chdir("/")
    return "moved"


def change_signals() -> str:
    for name in (signal.SIGUSR1, signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(name, signal.SIG_DFL)
    return "changed"


def fill_memory(megabytes: int) -> int:
    """All at once, and touched."""
    return len(b"\x01" * (megabytes * 1_000_000))


def fill_memory_slowly(megabytes: int) -> int:
    """Piece by piece, so that there is hardly any left when it fails."""
    kept = [b"\x01" * 100_000 for _ in range(megabytes * 10)]
    return len(kept)
