"""Unit: what each of several processes gets."""

from __future__ import annotations

import pytest

from trio_lab.config import Config
from trio_lab.servers.processes.shares import share, shares, together


@pytest.mark.parametrize(
    ("total", "of", "each"),
    [(4, 2, [2, 2]), (5, 2, [3, 2]), (7, 3, [3, 2, 2]), (1, 2, [1, 1]), (2, 4, [1, 1, 1, 1]), (0, 2, [0, 0])],
)
def test_a_size_is_shared_out_and_everyone_has_some(total: int, of: int, each: list[int]) -> None:
    assert [share(total, number, of) for number in range(1, of + 1)] == each


def test_sizes_are_shared_out_and_times_are_not() -> None:
    config = Config(processes=2, threads=5, workers=1, connections=4, max_queue=0, default_threads=3, grace=1.5)
    first, second = shares(config, 1), shares(config, 2)
    assert (first.threads, first.workers, first.connections, first.max_queue, first.default_threads) == (3, 1, 2, 0, 2)
    assert (second.threads, second.default_threads) == (2, 1)
    assert (first.processes, first.grace) == (1, 1.5)
    assert together(config).workers == 2
