"""The same work with nothing around it: PBKDF2 in bare threads or processes, as the measure of what a pool costs.

``python -m trio_lab.experiments.bare threads|processes COUNT SECONDS`` prints jobs per second as JSON. As in a load run
only jobs that end inside the time count, so both lose their last unfinished jobs alike.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from ..work import hash_password

ROUNDS = 120_000


def _work(deadline: float) -> int:
    done = 0
    while True:
        hash_password(ROUNDS)
        if time.monotonic() > deadline:
            return done
        done += 1


def in_threads(count: int, seconds: float) -> int:
    deadline = time.monotonic() + seconds
    done = [0] * count

    def run(n: int) -> None:
        done[n] = _work(deadline)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done)


def in_processes(count: int, seconds: float) -> int:
    spawn = multiprocessing.get_context("spawn")
    barrier, done = spawn.Barrier(count), spawn.SimpleQueue()
    processes = [spawn.Process(target=_in_process, args=(barrier, done, seconds)) for _ in range(count)]
    for process in processes:
        process.start()
    total = sum(done.get() for _ in processes)
    for process in processes:
        process.join()
    return int(total)


def _in_process(barrier: Any, done: Any, seconds: float) -> None:
    barrier.wait()  # all have started before any clock does
    done.put(_work(time.monotonic() + seconds))


KINDS: dict[str, Callable[[int, float], int]] = {"threads": in_threads, "processes": in_processes}

if __name__ == "__main__":
    kind, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    json.dump({"jobs_per_s": KINDS[kind](count, seconds) / seconds}, sys.stdout)
