"""End to end, short: what the programs of experiments say of themselves."""

from __future__ import annotations

import sys

import trio

from trio_lab.loop.stalls import SMALL_STEPS
from trio_lab.stage.stage import Stage
from trio_lab.subjects import offload, small_steps, two_detectors

STAGE = Stage(quick=True)


async def test_a_pass_of_small_steps_is_named() -> None:
    async with STAGE.serving(sys.executable, "-m", small_steps.__name__, "400", "0.5", "0") as server:
        with trio.fail_after(60):
            while not (seen := await server.get("/", timeout=60))["stalls"]:
                await trio.sleep(0.05)
    assert SMALL_STEPS in seen["causes"]
    assert "_decide" in seen["top"]
    assert seen["stall_p50_ms"] > seen["step_p50_ms"] * 50


async def test_every_block_over_the_budget_is_told_by_the_exact_one() -> None:
    found = await STAGE.program(two_detectors.__name__, 3, 5)
    assert found["blind"] is None
    long = [block for block in found["blocks"] if block["length"] > 0.06]
    assert long
    for block in long:
        assert block["exact"] is not None
        assert block["exact"] >= block["length"] * 0.99


async def test_jobs_run_in_every_place_beside_an_echo() -> None:
    rows = (await STAGE.program(offload.__name__, 0.2, 1, 5))["rows"]
    assert [(row["place"], row["job_ms"]) for row in rows] == [
        *((place, length) for length in (1.0, 5.0) for place in ("loop", "thread", "process")),
        ("idle", 0.0),
    ]
    assert all(row["jobs"] >= 2 for row in rows[:-1])
    assert all(row["whole_ms"] >= row["compute_ms"] for row in rows[:-1])
    assert rows[-1]["echo_p50_ms"] > 0
