"""The functions that the jobs of the lab's own servers may name."""

from __future__ import annotations

from typing import Any

from ..work import hash_password, wait
from .functions import JobFunctions


def lab_functions() -> JobFunctions:
    """``hash`` computes in a worker process, ``wait`` blocks a thread, and ``fail`` always fails."""
    functions = JobFunctions()
    functions.register("hash", where="process")(hash_job)
    functions.register("wait")(wait_job)
    functions.register("fail", max_tries=3)(fail_job)
    return functions


def hash_job(rounds: int = 120_000) -> dict[str, Any]:
    return {"rounds": rounds, "seconds": round(hash_password(rounds), 6)}


def wait_job(seconds: float = 0.02) -> dict[str, float]:
    wait(seconds)
    return {"seconds": seconds}


def fail_job(why: str = "on purpose") -> None:
    raise RuntimeError(why)
