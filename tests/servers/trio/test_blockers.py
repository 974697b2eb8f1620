"""End to end: the blockers and their cures give the same results, and the cures are where they say."""

from __future__ import annotations

import pytest

from tests.running import Running

SIZES = {"json": 2_000, "hash": 1_000, "regex": 12, "sort": 5_500, "read": 3}


@pytest.mark.parametrize("kind", SIZES)
def test_a_cure_gives_the_same_result(server: Running, kind: str) -> None:
    target = f"/block/{kind}?size={SIZES[kind]}"
    blocking, cured = server.get(target), server.get(f"{target}&fixed=1")
    assert blocking.keys() == cured.keys() >= {"route", "kind", "size", "cure", "result", "longestStepMs", "durationMs"}
    assert blocking["result"] == cured["result"]
    assert blocking["cure"] is None
    assert cured["cure"]


def test_the_cures_work_in_the_pools(server: Running) -> None:
    def done() -> dict[str, int]:
        queues = server.get("/health?reset=0")["queues"]
        return {kind["name"]: kind["completions"] for queue in queues for kind in queue["kinds"]}

    server.get("/block/read?size=3&fixed=1")
    before = done()
    server.get("/block/json?size=10&fixed=1")
    server.get("/block/read?size=3&fixed=1")
    after = done()
    assert after["worker_pool.parse"] == before.get("worker_pool.parse", 0) + 1
    assert after["native_pool.read"] == before["native_pool.read"] + 5  # opened, three pieces, and the end


def test_input_beyond_its_bound_is_not_looked_at(server: Running) -> None:
    assert server.get("/block/regex?size=24&fixed=1")["result"] is False  # it would take seconds


def test_a_list_is_the_same_however_it_is_cut(server: Running) -> None:
    ways = ["mode=no_checkpoint", "mode=chunked", "mode=chunked&chunk=1", "mode=time_sliced"]
    replies = [server.get(f"/process-list?items=2000&{way}") for way in ways]
    assert len({reply["total"] for reply in replies}) == 1
    assert [(reply["mode"], reply["chunk"]) for reply in replies[1:3]] == [("chunked", 500), ("chunked", 1)]


@pytest.mark.parametrize(
    "target",
    [
        "/block/else",
        "/block/json?size=0",
        "/block/regex?size=25",
        "/block/hash?fixed=2",
        "/block/sort?size=1e3",
        "/process-list?mode=else",
        "/process-list?items=0",
        "/process-list?chunk=0",
        "/process-list?items=1001&weight=1000",
    ],
)
def test_what_is_out_of_bounds_is_a_400(server: Running, target: str) -> None:
    status, _, body = server.request(target)
    assert (status, list(body)) == (400, ["error"])


def test_head_and_post_are_no_ways_in(server: Running) -> None:
    for method in ("HEAD", "POST"):
        status, headers, _ = server.request("/process-list", method)
        assert (status, headers["Allow"]) == (405, "GET, OPTIONS")
