"""End to end: the server says who blocks its loop, at which line, for which request."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.running import running

_CAUSES = ("python", "c call", "not running")  # the last on a machine that others use


@pytest.mark.parametrize("runtime", ["trio", "asyncio"])
def test_a_hash_on_the_loop_is_named(runtime: str) -> None:
    with running("--stall-budget", "0.1", "--workers", "1", runtime=runtime) as server:
        server.get("/sync-hash?rounds=1000000")
        while not (seen := [stall for stall in server.get("/stalls")["last"] if stall["label"] == "GET /sync-hash"]):
            pass
        stall = max(seen, key=lambda stall: stall["duration_ms"])
        assert (Path(stall["file"]).name, stall["function"]) == ("work.py", "hash_password")
        assert stall["task"].endswith("handle_request")
        assert stall["path"][-1] == stall["task"]
        assert stall["cause"] in _CAUSES
        assert stall["duration_ms"] > 100
        rows = [row for row in server.get("/stalls")["table"] if row["function"] == "hash_password"]
        assert max(row["longest_ms"] for row in rows) == stall["duration_ms"]
        state = server.get("/stalls")
        assert (state["budget_ms"], state["blind"]) == (100.0, None)
        assert state["count"] == sum(row["count"] for row in state["table"])
        assert server.get("/health")["loop"]["max_ms"] > 100  # one monitor serves both
