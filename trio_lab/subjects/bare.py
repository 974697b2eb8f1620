"""The same work with nothing around it: PBKDF2 in bare threads or processes, as the measure of what a pool costs.

As in a load run only jobs that end inside the time count, so both lose their last unfinished jobs alike.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from ..work import hash_password
from ..worker.lifeline import tie_life

ROUNDS = 120_000


def _work(rounds: int, deadline: float) -> int:
    done = 0
    while True:
        hash_password(rounds)
        if time.monotonic() > deadline:
            return done
        done += 1


def in_threads(count: int, seconds: float, rounds: int = ROUNDS) -> int:
    with ThreadPoolExecutor(count) as threads:
        return sum(threads.map(_work, [rounds] * count, [time.monotonic() + seconds] * count))


def in_processes(count: int, seconds: float, rounds: int = ROUNDS) -> int:
    spawn = multiprocessing.get_context("spawn")
    barrier, done = spawn.Barrier(count), spawn.SimpleQueue()
    lifeline, ours = spawn.Pipe(duplex=False)  # ``ours`` is never written to, and closes when this process ends
    processes = [
        spawn.Process(target=_in_process, args=(barrier, done, seconds, rounds, lifeline)) for _ in range(count)
    ]
    for process in processes:
        process.start()
    total = sum(done.get() for _ in processes)
    for process in processes:
        process.join()
    ours.close()
    return int(total)


def _in_process(barrier: Any, done: Any, seconds: float, rounds: int, lifeline: Connection) -> None:
    # Opened anew, because all of them were given one and the same, and only one process can be tied to that.
    tie_life(os.open(f"/proc/self/fd/{lifeline.fileno()}", os.O_RDONLY | os.O_NONBLOCK))
    barrier.wait()  # all have started before any clock does
    done.put(_work(rounds, time.monotonic() + seconds))


KINDS: dict[str, Callable[[int, float, int], int]] = {"threads": in_threads, "processes": in_processes}


def jobs_per_s(kind: str, count: int, seconds: float, rounds: int = ROUNDS) -> float:
    """``kind`` is threads or processes, ``rounds`` the length of a job."""
    return KINDS[kind](count, seconds, rounds) / seconds
