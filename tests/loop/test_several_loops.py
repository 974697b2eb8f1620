"""Scenario: a program with an asyncio loop in each of several threads, and a watch over each."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from trio_lab import WORKING_ON, Stall, observe

from .test_observe_asyncio import LOOPS


def block() -> None:
    time.sleep(0.15)


@pytest.mark.parametrize("loop", LOOPS)
def test_each_watch_sees_the_stalls_of_its_own_loop(loop: str) -> None:
    turns = {name: threading.Event() for name in ("first", "second")}
    seen: dict[str, list[Stall]] = {}

    async def main(name: str, after: threading.Event | None, done: threading.Event) -> None:
        WORKING_ON.set(name)
        async with observe(budget=0.05) as watch:
            while after is not None and not after.is_set():
                await asyncio.sleep(0.01)
            block()
            await asyncio.sleep(0.01)
            done.set()
            while not all(turn.is_set() for turn in turns.values()):
                await asyncio.sleep(0.01)
            seen[name] = [stall for stall in watch.stalls() if stall.function]

    def run(name: str, after: threading.Event | None) -> Callable[[], None]:
        def target() -> None:
            with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
                runner.run(main(name, after, turns[name]))

        return target

    threads = [threading.Thread(target=run("first", None)), threading.Thread(target=run("second", turns["first"]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, stalls in seen.items():
        assert stalls, name
        assert {stall.label for stall in stalls} == {name}
        assert any(stall.function == "block" and stall.duration >= 0.15 for stall in stalls)
    assert seen.keys() == turns.keys()
