"""What one task's error does to its siblings on asyncio: ``python -m trio_lab.subjects.siblings_asyncio [--json]``.

Three tasks, started in four ways.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

from .answers import Siblings
from .families import Family
from .telling import columns, tell, tied


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


async def siblings() -> Siblings:
    unretrieved: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unretrieved.append(context))
    rows = [await Family(asyncio.Event(), asyncio.sleep).outcome(*construct) for construct in CONSTRUCTS.items()]
    _alone.clear()
    gc.collect()
    return Siblings(runtime="asyncio", rows=tuple(rows), errors_never_retrieved=len(unretrieved))


if __name__ == "__main__":
    tied()
    found = asyncio.run(siblings())
    tell(found, [*columns(found.rows), f"errors never retrieved: {found.errors_never_retrieved}"])
