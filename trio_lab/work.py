"""The jobs of the lab. Standard library only: worker children import this module."""

from __future__ import annotations

import hashlib
import time
from typing import TypeVar

T = TypeVar("T")


def hash_password(rounds: int) -> float:
    """PBKDF2-HMAC-SHA512 of a fixed password, 64 bytes. Returns the seconds it took.

    Releases the GIL while it computes, so threads running it use as many cores as there are.
    """
    begun = time.perf_counter()
    hashlib.pbkdf2_hmac("sha512", b"password", b"salt", rounds, 64)
    return time.perf_counter() - begun


def fib(n: int) -> tuple[int, float]:
    """The n-th Fibonacci number by the slowest honest way, and the seconds it took.

    Pure Python: it holds the GIL throughout, so in a thread it competes with the loop for every bytecode.
    """
    begun = time.perf_counter()
    return _fib(n), time.perf_counter() - begun


def _fib(n: int) -> int:
    return n if n < 2 else _fib(n - 1) + _fib(n - 2)


def spin(steps: int) -> float:
    """So many steps of a loop in plain Python, which holds the GIL throughout. Returns the seconds they took."""
    begun = time.perf_counter()
    for _ in range(steps):
        pass
    return time.perf_counter() - begun


def wait(seconds: float) -> float:
    """A blocking call that waits and computes nothing, as a slow disk or a name server makes one. Returns the seconds."""
    begun = time.perf_counter()
    time.sleep(seconds)
    return time.perf_counter() - begun


def nothing() -> None:
    """The smallest job: what is left is the cost of the pool."""


def echo(value: T) -> T:
    """What it was given: the cost of carrying a value there and back."""
    return value
