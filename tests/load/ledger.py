"""What holds for every run, whatever the server did and whatever was asked for."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple

from trio_lab.load.results import LoadRun
from trio_lab.records.codec import decode, encode
from trio_lab.records.load import LoadResult


def assert_consistent(run: LoadRun) -> None:
    result, counts = run.result, run.result.requests
    assert counts.sent == counts.ok + counts.shed + counts.errors + counts.timed_out
    statuses = sum(result.status.values())
    assert counts.completed == statuses
    assert counts.errors == sum(result.error_kinds.values())
    assert result.unanswered == counts.timed_out + counts.dropped + result.generator.abandoned
    assert run.latency.count == counts.ok + result.unanswered
    assert counts.ok <= run.service.count <= run.latency.count - counts.dropped
    assert len(result.samples or ()) in (0, counts.completed + result.unanswered)
    assert run.shed.count == counts.shed
    assert {status for status in result.status if not status.startswith("2")} == result.by_status.keys() - {"2xx"}
    assert ("2xx" in result.by_status) == (result.succeeded > 0)
    for name in ("ok", "shed", "errors", "timed_out"):
        assert sum(getattr(row, name) for row in result.series) == getattr(counts, name)
    assert run.inside.ok <= run.inside.completed <= counts.completed
    assert run.service.total <= run.latency.total + 1e-9
    for parts in (result.urls, result.stages):
        if parts is not None:
            assert [sum(ends) for ends in zip(*(astuple(part.requests) for part in parts), strict=True)] == [
                *astuple(counts)
            ]
            assert sum((Counter(part.status) for part in parts), Counter()) == result.status
    assert decode(LoadResult, encode(result)).requests == counts
