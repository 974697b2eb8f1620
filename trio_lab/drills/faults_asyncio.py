"""The asyncio server with fault routes, as a program: `trio-lab serve --runtime asyncio --faults` becomes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..servers.asyncio.asgi import AsyncioApp
from ..servers.asyncio.serving import main
from .faults import add_routes
from .inside import Inside


def _look_inside() -> Inside:
    return Inside(tasks=len(asyncio.all_tasks()))


def _add_fault_routes(app: AsyncioApp) -> None:
    async def run(job: Callable[[int, int], Any], number: int, ms: int) -> Any:
        result, _ = await app.lab.in_worker(job, number, ms, kind="fault")
        return result

    add_routes(app, _look_inside, run, {})


if __name__ == "__main__":
    main(fault_routes=_add_fault_routes)
