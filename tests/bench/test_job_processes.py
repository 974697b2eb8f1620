"""Integration: processes that share a file of jobs."""

from __future__ import annotations

from trio_lab.bench.peers.job_processes import shared


async def test_processes_share_a_file_of_jobs() -> None:
    found = await shared(2, 4, 100)
    assert found.locked == 0
    assert found.per_s > 0
    assert 0 <= found.fairness <= 1
    assert 0 < found.longest < 60
