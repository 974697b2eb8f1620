"""Jobs that take a given time. What computes is measured in CPU time, so a crowded machine does not change the work. Worker
processes import this module, so it uses the standard library only."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

_NUMBERS = [number * 7919 % 10007 for number in range(5_000)]


def wait(seconds: float) -> None:
    time.sleep(seconds)


def python(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        hash("something")


def hashes(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 400)


def sort(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sorted(_NUMBERS)


JOBS: dict[str, Callable[[float], None]] = {"wait": wait, "python": python, "hash": hashes, "sort": sort}
