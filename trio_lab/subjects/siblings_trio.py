"""What one task's error does to its siblings on Trio: ``python -m trio_lab.subjects.siblings_trio [--json]``.

Three tasks in one nursery; one raises after 50 ms, when the two others still have 100 ms to go.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from .answers import Outcome, Siblings
from .telling import columns, tell, tied

_RAISE_AFTER = 0.05
_REST = 0.1  # what a sibling still has to do when the error comes


@dataclass(slots=True)
class Family:
    """One task that fails and two that do not, and what became of those."""

    failed: trio.Event = field(default_factory=trio.Event)
    ended: int = 0
    completed: int = 0

    async def failing(self) -> None:
        await trio.sleep(_RAISE_AFTER)
        self.failed.set()
        raise ValueError("one of three")

    async def sibling(self) -> None:
        try:
            await self.failed.wait()
            await trio.sleep(_REST)
        except trio.Cancelled:
            self.ended += 1
            raise
        self.completed += 1


async def in_a_nursery() -> Outcome:
    family, reached = Family(), False
    try:
        async with trio.open_nursery() as nursery:
            for task in (family.failing, family.sibling, family.sibling):
                nursery.start_soon(task)
    except* ValueError:
        reached = True
    return Outcome(
        construct="nursery",
        siblings_ended=family.ended,
        siblings_completed_after_error=family.completed,
        parent_waited=family.ended + family.completed == 2,
        error_reached_parent=reached,
    )


async def siblings() -> Siblings:
    return Siblings(runtime="trio", rows=(await in_a_nursery(),))


if __name__ == "__main__":
    tied()
    found = trio.run(siblings)
    tell(found, columns(found.rows))
