"""What one task's error does to its siblings on asyncio: ``python -m trio_lab.subjects.siblings_asyncio [--json]``.

Three tasks, started in three ways; one raises after 50 ms, when the two others still have 100 ms to go.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from .answers import Outcome, Siblings
from .telling import columns, tell, tied

_RAISE_AFTER = 0.05
_REST = 0.1  # what a sibling still has to do when the error comes


@dataclass(slots=True)
class Family:
    """One task that fails and two that do not, and what became of those."""

    failed: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    ended: int = 0
    completed: int = 0

    async def failing(self) -> None:
        await asyncio.sleep(_RAISE_AFTER)
        self.failed.set()
        raise ValueError("one of three")

    async def sibling(self) -> None:
        try:
            await self.failed.wait()
            await asyncio.sleep(_REST)
            self.completed += 1
        except asyncio.CancelledError:
            self.ended += 1
            raise
        finally:
            self.over.release()

    async def both_over(self) -> None:
        for _ in range(2):
            await self.over.acquire()


async def in_a_task_group(family: Family) -> None:
    async with asyncio.TaskGroup() as group:
        for task in (family.failing, family.sibling, family.sibling):
            group.create_task(task())


async def gathered(family: Family) -> None:
    await asyncio.gather(family.failing(), family.sibling(), family.sibling())


async def gathered_with_exceptions(family: Family) -> None:
    await asyncio.gather(family.failing(), family.sibling(), family.sibling(), return_exceptions=True)


async def only_created(family: Family) -> None:
    """The tasks are not awaited. The error goes to the loop's handler once nothing can retrieve it any more."""
    for task in (family.failing, family.sibling, family.sibling):
        _alone.add(asyncio.create_task(task()))  # a task without a reference may be collected before its end
    await family.failed.wait()
    await asyncio.sleep(0)


_alone: set[asyncio.Task[None]] = set()

CONSTRUCTS: dict[str, Callable[[Family], Awaitable[None]]] = {
    "TaskGroup": in_a_task_group,
    "gather": gathered,
    "gather(return_exceptions=True)": gathered_with_exceptions,
    "create_task alone": only_created,
}


async def outcome(construct: str) -> Outcome:
    family, reached = Family(), False
    try:
        await CONSTRUCTS[construct](family)
    except* ValueError:
        reached = True
    waited = family.ended + family.completed == 2
    await family.both_over()
    return Outcome(
        construct=construct,
        siblings_ended=family.ended,
        siblings_completed_after_error=family.completed,
        parent_waited=waited,
        error_reached_parent=reached,
    )


async def siblings() -> Siblings:
    unretrieved: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unretrieved.append(context))
    rows = [await outcome(construct) for construct in CONSTRUCTS]
    _alone.clear()
    gc.collect()
    return Siblings(runtime="asyncio", rows=tuple(rows), errors_never_retrieved=len(unretrieved))


if __name__ == "__main__":
    tied()
    found = asyncio.run(siblings())
    tell(found, [*columns(found.rows), f"errors never retrieved: {found.errors_never_retrieved}"])
