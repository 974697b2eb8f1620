"""The jobs of the lab. Standard library only: worker children import this module."""

from __future__ import annotations

import hashlib
import time


def hash_password(rounds: int) -> float:
    """PBKDF2-HMAC-SHA512 of a fixed password, 64 bytes. Returns the seconds it took.

    Releases the GIL while it computes, so threads running it use as many cores as there are.
    """
    begun = time.perf_counter()
    hashlib.pbkdf2_hmac("sha512", b"password", b"salt", rounds, 64)
    return time.perf_counter() - begun


def wait(seconds: float) -> float:
    """A blocking call that waits and computes nothing, as a slow disk or a name server makes one. Returns the seconds."""
    begun = time.perf_counter()
    time.sleep(seconds)
    return time.perf_counter() - begun


def nothing() -> None:
    """The smallest job: what is left is the cost of the pool."""
