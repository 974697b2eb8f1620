"""A repeatable order of tasks: the same seed gives the same order, and what Trio lacks for it is said."""

from __future__ import annotations

import random

import pytest
import trio
from trio._core import _run as run_of_trio

from trio_lab.testing.scheduling import missing, repeatable_order, run_in_virtual_time


async def order_of_tasks() -> list[int]:
    ran: list[int] = []

    async def run(number: int) -> None:
        for _ in range(3):
            await trio.lowlevel.checkpoint()
            ran.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(run, number)
    return ran


def test_a_seed_decides_the_order() -> None:
    orders = [run_in_virtual_time(order_of_tasks, seed=seed) for seed in (1, 1, 2, 3)]
    assert orders[0] == orders[1]
    assert len({tuple(order) for order in orders}) == 3


def test_it_can_begin_within_a_run() -> None:
    async def twice() -> list[list[int]]:
        orders = []
        for _ in range(2):
            with repeatable_order(seed=5):
                orders.append(await order_of_tasks())
        return orders

    one, other = trio.run(twice)
    assert one == other


def test_afterwards_trio_is_as_it_was() -> None:
    before = (run_of_trio._r.getstate(), run_of_trio._ALLOW_DETERMINISTIC_SCHEDULING)
    with repeatable_order(seed=7):
        assert run_of_trio._ALLOW_DETERMINISTIC_SCHEDULING
        run_of_trio._r.random()
    assert (run_of_trio._r.getstate(), run_of_trio._ALLOW_DETERMINISTIC_SCHEDULING) == before


@pytest.mark.parametrize("lacking", ["_r", "_ALLOW_DETERMINISTIC_SCHEDULING"])
def test_what_trio_lacks_is_named_and_the_block_runs(lacking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing() == ""
    monkeypatch.delattr(run_of_trio, lacking)
    with pytest.warns(RuntimeWarning, match=f"Trio {trio.__version__} has no trio._core._run.{lacking}"):
        with repeatable_order():
            state = random.getstate()
    assert state == random.getstate()


def test_virtual_time_begins_where_it_is_told_and_jumps() -> None:
    async def wait() -> float:
        await trio.sleep(3600.0)
        return trio.current_time()

    assert run_in_virtual_time(wait, start=100.0) == 3700.0
