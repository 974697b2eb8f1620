"""The same work with nothing around it: PBKDF2 in bare threads or processes, as the measure of what a pool costs.

Jobs that run when the time is over count, and so does the time until they end: a rate of a few long jobs would else be one
batch off.
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
        done += 1
        if time.monotonic() > deadline:
            return done


def in_threads(count: int, seconds: float, rounds: int = ROUNDS) -> tuple[int, float]:
    """The jobs done, and the seconds until the last."""
    began = time.monotonic()
    with ThreadPoolExecutor(count) as threads:
        done = sum(threads.map(_work, [rounds] * count, [began + seconds] * count))
    return done, time.monotonic() - began


def in_processes(count: int, seconds: float, rounds: int = ROUNDS) -> tuple[int, float]:
    """The jobs done, and the seconds that the slowest process took for its own."""
    spawn = multiprocessing.get_context("spawn")
    barrier, done = spawn.Barrier(count), spawn.SimpleQueue()
    lifeline, ours = spawn.Pipe(duplex=False)  # ``ours`` is never written to, and closes when this process ends
    processes = [
        spawn.Process(target=_in_process, args=(barrier, done, seconds, rounds, lifeline)) for _ in range(count)
    ]
    for process in processes:
        process.start()
    found = [done.get() for _ in processes]
    for process in processes:
        process.join()
    ours.close()
    return sum(jobs for jobs, _ in found), max(spent for _, spent in found)


def _in_process(barrier: Any, done: Any, seconds: float, rounds: int, lifeline: Connection) -> None:
    # Opened anew, because all of them were given one and the same, and only one process can be tied to that.
    tie_life(os.open(f"/proc/self/fd/{lifeline.fileno()}", os.O_RDONLY | os.O_NONBLOCK))
    barrier.wait()  # all have started before any clock does
    began = time.monotonic()
    done.put((_work(rounds, began + seconds), time.monotonic() - began))


KINDS: dict[str, Callable[[int, float, int], tuple[int, float]]] = {"threads": in_threads, "processes": in_processes}


def jobs_per_s(kind: str, count: int, seconds: float, rounds: int = ROUNDS) -> float:
    """``kind`` is threads or processes, ``rounds`` the length of a job."""
    done, spent = KINDS[kind](count, seconds, rounds)
    return done / spent
