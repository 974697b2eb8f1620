"""Two ways to block a loop for a time: in Python, and in one C call that holds the GIL."""

from __future__ import annotations

from time import perf_counter, thread_time

_TRIED = 200_000  # numbers


def compute_here(seconds: float) -> None:
    end = perf_counter() + seconds
    while perf_counter() < end:
        pass


def sum_here(seconds: float) -> None:
    """For so much CPU time, so at least that long. How fast this machine adds up is tried before, which takes some
    milliseconds."""
    began = thread_time()
    sum(range(_TRIED))
    took = thread_time() - began
    sum(range(int(_TRIED * seconds / took)))
