"""What one task's error does to its siblings on Trio: ``python -m trio_lab.subjects.siblings_trio [--json]``.

Three tasks in one nursery.
"""

from __future__ import annotations

import trio

from .answers import Siblings
from .families import Family
from .telling import columns, tell, tied


async def in_a_nursery(family: Family) -> None:
    async with trio.open_nursery() as nursery:
        for task in (family.failing, family.sibling, family.sibling):
            nursery.start_soon(task)


async def siblings() -> Siblings:
    return Siblings(runtime="trio", rows=(await Family(trio.Event(), trio.sleep).outcome("nursery", in_a_nursery),))


if __name__ == "__main__":
    tied()
    found = trio.run(siblings)
    tell(found, columns(found.rows))
