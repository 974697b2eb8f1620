"""Load generators that only note what they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import trio

from trio_lab.stage.loaders import Loaders


class Noting(Loaders):
    """No load ever ends. ``asked`` is set by the first one."""

    def __init__(self) -> None:
        super().__init__()
        self.plans: list[Mapping[str, Any]] = []
        self.asked = trio.Event()

    async def ready(self, count: int) -> None:
        await trio.lowlevel.checkpoint()

    async def load(self, plan: Mapping[str, Any]) -> NoReturn:
        self.plans.append(plan)
        self.asked.set()
        await trio.sleep_forever()
        raise AssertionError
