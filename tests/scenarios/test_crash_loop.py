"""A worker crash loop: for thirty seconds every worker dies as it starts."""

from __future__ import annotations

import pytest
import trio

from trio_lab import RestartLimitReached
from trio_lab.testing import Arrivals, Callers, VirtualOptions, open_virtual_pool
from trio_lab.work import echo


def five_from(first: float) -> list[float]:
    return [first + later for later in (0.0, 0.0, 2.1, 2.1, 4.2)]


async def test_workers_are_started_as_often_as_the_policy_says_and_callers_are_told(autojump_clock: object) -> None:
    async with open_virtual_pool(VirtualOptions(size=2, takes=0.2, start=0.1)) as pool:
        callers = Callers(lambda: pool.run(echo, 1))

        async def break_and_mend() -> None:
            await trio.sleep(10.05)
            pool.crashes = True
            pool.kill()
            await trio.sleep(30.0)
            pool.crashes = False

        async with trio.open_nursery() as nursery:
            nursery.start_soon(break_and_mend)
            await callers.come(Arrivals(kind="constant", rate=4.0), seconds=60.0)

    # Both workers die at 10.05 and are replaced at once. At most five starts in any ten seconds, with growing pauses; a start
    # counts from the death of its worker, a tenth of a second later.
    starts = [start for start in pool.started if start > 10.0]
    first = [10.05, 10.05, 10.65, 10.65, 12.75]
    assert starts == pytest.approx([*first, *five_from(20.15), *five_from(30.25), 40.35, 40.35])

    # One caller's job died with its worker. Two waited until it was clear that no worker lives; from then on callers are
    # refused at once.
    assert callers.count("served", until=10.0) == 40
    assert callers.count("failed") == 1
    refused = [attempt for attempt in callers.attempts if attempt.outcome == "refused"]
    assert [attempt.waited for attempt in refused if attempt.waited] == pytest.approx([0.25, 0.5])
    assert refused[0].ended == pytest.approx(10.75)

    # The first start after the fault heals it: from then on all are served.
    assert refused[-1].asked == 40.25
    assert callers.count("served", since=40.3) == callers.count(since=40.3) == 78


async def test_a_refusal_says_when_to_come_again(autojump_clock: object) -> None:
    async with open_virtual_pool(VirtualOptions(size=1, start=0.1)) as pool:
        pool.crashes = True
        with pytest.raises(RestartLimitReached) as refused:
            await pool.run(echo, 1)
        assert refused.value.retry_after == pytest.approx(1.0)
