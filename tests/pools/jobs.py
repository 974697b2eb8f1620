"""Jobs for workers: importable by name, and free of Trio."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trio_lab.errors import JobError
from trio_lab.worker.importing import IMPORTING


def echo(value: Any) -> Any:
    return value


def pid() -> int:
    return os.getpid()


class CallsWhenRead:
    """An argument that calls a function of a module as a worker unpickles it."""

    def __init__(self, fn: Callable[[], None]) -> None:
        self.fn = fn

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return self.fn, ()


def open_a_pool_and_go_on() -> None:
    """What a module does that opens a pool as it is imported, and goes on without one."""
    with contextlib.suppress(JobError):
        IMPORTING.check_pool("open_worker_pool")


def modules() -> list[str]:
    return sorted(sys.modules)


def spin() -> None:
    while True:
        pass


def mark_then_wait(path: str) -> None:
    """Creates a file to say that it runs, then waits for a second file to appear beside it."""
    open(path, "w").close()
    while not os.path.exists(path + ".go"):
        time.sleep(0.005)


def leave(code: int) -> None:
    os._exit(code)


def kill_me() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def raise_system_exit() -> None:
    raise SystemExit(3)


def raise_keyboard_interrupt() -> None:
    raise KeyboardInterrupt


def raise_value_error() -> None:
    raise ValueError("a job's own")


def return_unpicklable() -> Any:
    return lambda: None


def return_generator() -> Any:
    return (n for n in range(3))


def return_coroutine() -> Any:
    async def work() -> None: ...

    return work()


def chatter() -> str:
    print("noise on stdout", flush=True)
    os.write(1, b"more noise\n")
    return "said"


def close_descriptors() -> str:
    os.closerange(3, 100)
    return "closed"


def fork_and_stay() -> int:
    """Leaves a process behind that holds everything this one had open."""
    child = os.fork()
    if child == 0:
        time.sleep(20)
        os._exit(0)
    return child


def hide_and_stay() -> None:
    """Moves its worker to the process group of the pool."""
    os.setpgid(0, os.getpgid(os.getppid()))
    while True:
        time.sleep(60)


def stubborn() -> None:
    """Does not let itself be ended."""
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def grab(megabytes: int) -> int:
    return len(bytearray(megabytes * 1_000_000))


def nothing() -> None:
    pass


def sleep_long() -> None:
    time.sleep(3600)


def fork_twice_answered() -> str:
    """Returns in two processes."""
    return "child" if os.fork() == 0 else "parent"


def append(path: str, text: str) -> None:
    with open(path, "a") as file:
        file.write(text + "\n")


def wait_for(path: str) -> None:
    while not os.path.exists(path):
        time.sleep(0.002)


def replaced() -> str:
    return "as it was"


def replace() -> None:
    """Puts another function in the place of `replaced`, here and now."""
    globals()["replaced"] = eval("lambda: 'another'")


def pieces(begun: str, size: int) -> bytes:
    Path(begun).touch()
    time.sleep(0.1)
    return bytes(size)
