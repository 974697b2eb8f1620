"""What falls on one moment happens in turn: by rank, then by number, each with all that follows from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from trio_lab.simulate.events import COME, END, LEAVE
from trio_lab.testing.turns import DONE, TimedTasks, Turns


async def played(act: Callable[[TimedTasks, Turns, list[str]], Any]) -> list[str]:
    happened: list[str] = []
    async with trio.open_nursery() as nursery:
        turns = Turns()
        nursery.start_soon(turns.give)
        act(TimedTasks(nursery, turns), turns, happened)
        await trio.sleep(10.0)
        nursery.cancel_scope.cancel()
    return happened


async def test_a_moment_goes_by_rank_and_then_as_it_was_planned(autojump_clock: object) -> None:
    def plan(events: TimedTasks, _: Turns, happened: list[str]) -> None:
        for word, rank in (("come 1", COME), ("end", END), ("come 2", COME), ("leave", LEAVE)):
            events.at(1.0, happened.append, word, rank)
        events.at(0.5, happened.append, "before", COME)

    assert await played(plan) == ["before", "leave", "end", "come 1", "come 2"]


async def test_what_follows_from_an_event_comes_before_the_next(autojump_clock: object) -> None:
    def plan(events: TimedTasks, turns: Turns, happened: list[str]) -> None:
        async def follow() -> None:
            for _ in range(5):
                await trio.lowlevel.checkpoint()
            await turns.take(DONE, 1)
            happened.append(f"answer at {trio.current_time()}")

        def end(nursery: trio.Nursery) -> None:
            happened.append("end")
            nursery.start_soon(follow)

        events.at(1.0, happened.append, "come", COME)
        events.at(1.0, end, events._nursery, END)

    assert await played(plan) == ["end", "answer at 1.0", "come"]
