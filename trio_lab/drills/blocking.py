"""Two ways to block a loop for a time: in Python, and in one C call that holds the GIL."""

from __future__ import annotations

from time import perf_counter, thread_time

_TRIED = 200_000  # numbers
_TRIALS = 5


def compute_here(seconds: float) -> None:
    end = perf_counter() + seconds
    while perf_counter() < end:
        pass


def sum_here(seconds: float) -> None:
    """For so much CPU time, so at least that long, if the machine gets no faster meanwhile. How fast it adds up is tried
    before, which takes some milliseconds; the best trial counts, for a slow one would make the call too short."""
    best = min(_took() for _ in range(_TRIALS))
    sum(range(int(_TRIED * seconds / best)))


def _took() -> float:
    began = thread_time()
    sum(range(_TRIED))
    return thread_time() - began
