"""Load generators in processes of their own, each used again when it has ended a run."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import trio

from ..errors import ChildLost, UsageError
from ..records.codec import from_plain
from ..records.load import LoadResult
from . import loader
from .launch import Child, talking

_COMMAND = [sys.executable, "-m", loader.__name__]


class Loaders:
    """Within `open` they are kept between runs; elsewhere every run has a process that ends with it."""

    def __init__(self) -> None:
        self._idle: list[Child] = []
        self._nursery: trio.Nursery | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """They end with the block."""
        async with trio.open_nursery() as self._nursery:
            try:
                yield
            finally:
                self._idle.clear()
                self._nursery.cancel_scope.cancel()
                self._nursery = None

    async def ready(self, count: int) -> None:
        """Have so many that do nothing, or loads that are asked for together would not begin together. Within `open` only."""
        while self._nursery is not None and len(self._idle) < count:
            self._idle.append(await self._nursery.start(self._keep))

    async def load(self, plan: Mapping[str, Any]) -> LoadResult:
        """Run a plan: the fields of a `LoadPlan`, with the path of a file as ``body``.

        Raises:
            UsageError: it makes no sense, or there is no room for it here.
            ChildLost: it failed.
        """
        fields = {name: str(value) if name == "body" else value for name, value in plan.items()}
        async with self._one() as child:
            answer = await child.ask(json.dumps(fields, default=asdict))
        if "unusable" in answer:
            raise UsageError(f"the load cannot be run: {answer['unusable']}")
        if "error" in answer:
            raise ChildLost(f"the load could not be run: {answer['error']}")
        return from_plain(LoadResult, answer["result"])

    @asynccontextmanager
    async def _one(self) -> AsyncIterator[Child]:
        """A generator that does nothing else meanwhile. One whose run was cut short is not used again."""
        if self._nursery is None:
            async with _started() as child:
                yield child
            return
        child = self._idle.pop() if self._idle else await self._nursery.start(self._keep)
        try:
            yield child
        except BaseException:
            child.kill()
            raise
        self._idle.append(child)

    async def _keep(self, task_status: trio.TaskStatus[Child]) -> None:
        async with _started() as child:
            task_status.started(child)
            await trio.sleep_forever()


@asynccontextmanager
async def _started() -> AsyncIterator[Child]:
    async with talking(_COMMAND) as child:
        await child.hear()  # it is ready
        yield child
