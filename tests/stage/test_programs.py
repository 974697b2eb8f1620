"""End to end, short: what the programs of experiments say of themselves."""

from __future__ import annotations

import sys
from functools import partial

from trio_lab.loop.stalls import SMALL_STEPS
from trio_lab.records.codec import decode
from trio_lab.stage.alone import alone
from trio_lab.stage.server import serving
from trio_lab.stage.until import wait_until
from trio_lab.subjects import small_steps
from trio_lab.subjects.offload import offloaded
from trio_lab.subjects.small_steps import Watched
from trio_lab.subjects.two_detectors import detected


async def test_a_pass_of_small_steps_is_named() -> None:
    async with serving([sys.executable, "-m", small_steps.__name__, "400", "0.5", "0"]) as server:

        async def seen() -> Watched:
            return decode(Watched, (await server.fetch("/", timeout=60)).body)

        async def stalled() -> bool:
            return (await seen()).stalls > 0

        await wait_until(stalled, limit=60)
        watched = await seen()
    assert SMALL_STEPS in watched.causes
    assert watched.top is not None
    assert "_decide" in watched.top
    assert watched.stall_p90 is not None
    assert watched.stall_p90 > watched.steps.p50 * 50


async def test_every_block_over_the_budget_is_told_by_the_exact_one() -> None:
    found = await alone(partial(detected, 3, 5))
    assert found.blind is None
    long = [block for block in found.blocks if block.length > 0.06]
    assert long
    for block in long:
        assert block.exact is not None
        assert block.exact >= block.length * 0.99


async def test_jobs_run_in_every_place_beside_an_echo() -> None:
    phases = await alone(partial(offloaded, 0.2, [0.001, 0.005]))
    assert [(phase.place, phase.length) for phase in phases] == [
        (place, length) for length in (0.001, 0.005) for place in ("loop", "thread", "process")
    ]
    assert all(phase.jobs >= 2 for phase in phases)
    assert all(phase.whole >= phase.compute for phase in phases)
    assert all(phase.echo_p50 for phase in phases if phase.place == "process")
