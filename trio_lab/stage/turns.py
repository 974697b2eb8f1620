"""What is compared is measured in turn, round by round, because the machine changes speed within seconds.

Each contestant runs once a round, and another one begins each time. A round may wait for a quiet machine, and be repeated
when other programs disturbed it. Which rounds count is decided by what others did, never by the figures.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import trio

from ..diagnose.ratios import order_of_round
from .quiet import Watch, wait_quiet

T = TypeVar("T")
Contestant = Callable[[], Awaitable[T]]


class Turns:
    """``patience``: seconds that may be lost to others altogether, by waiting and by repeating rounds."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.disturbed = 0
        """Rounds that count although other programs used the machine meanwhile."""

    async def take(self, contestants: Mapping[str, Contestant[T]], rounds: int) -> dict[str, list[T]]:
        """Let each contestant run once a round; its figures in the order of the rounds."""
        figures: dict[str, list[T]] = {name: [] for name in contestants}
        for number in range(rounds):
            for name, figure in (await self._round(contestants, number)).items():
                figures[name].append(figure)
        return figures

    async def _round(self, contestants: Mapping[str, Contestant[T]], number: int) -> dict[str, T]:
        while True:
            self._patience -= await wait_quiet(self._patience)
            watch, began = Watch(), trio.current_time()
            found = {name: await contestants[name]() for name in order_of_round(list(contestants), number)}
            disturbed = watch.disturbed()
            if disturbed and self._patience > 0:
                self._patience -= trio.current_time() - began
            else:
                self.disturbed += disturbed
                return found
