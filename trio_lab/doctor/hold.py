"""A service under the load that it has to bear: what its objectives are judged by.

The ramp holds each load for about a second, and most of them are too much. So for objectives one more load is held, for long
enough to have intervals of its own. It too runs in a process of its own.
"""

from __future__ import annotations

import math

import trio

from ..diagnose.client_figures import client_figures
from ..diagnose.server_figures import server_figures
from ..load.slices import sliced
from ..records.health import Health
from ..records.slo import Estimate
from ..stage.loaders import Loaders
from .service import Service

SHARE = 0.7
"""Of the saturation load, where no target says how much the service has to bear."""
_ROWS = 20  # that the intervals are made from
_LOOK_PERIOD = 0.1  # seconds between two looks inside
_LIMIT = 5.0  # seconds for the first one: a loop that has stopped tells nothing, and the load goes on without it


async def hold(
    service: Service, path: str, loaders: Loaders, *, rate: float, seconds: float, patience: float, own_this: bool
) -> tuple[Estimate, ...]:
    """What clients and the service itself measure at a rate, with intervals. ``patience`` is how long a request may take.

    Raises:
        UsageError, ChildLost: as `Loaders.load`.
    """
    plan = {
        "url": service.url + path,
        "rate": rate,
        "duration": seconds,
        "connections": min(512, math.ceil(rate * patience / 2) + 16),
        "timeout": patience,
        "interval": seconds / _ROWS,
        "keep_samples": True,
        "own_this": own_this,
    }
    looks: list[Health] = []
    asked = trio.Event()
    async with trio.open_nursery() as looking:
        looking.start_soon(_look, service, looks, asked)
        with trio.move_on_after(_LIMIT):
            await asked.wait()
        result = await loaders.load(plan)
        looking.cancel_scope.cancel()
    blind = "" if looks else "nothing inside of the service is seen"
    return (*client_figures(result, sliced(result.samples or (), seconds / _ROWS)), *server_figures(looks, blind))


async def _look(service: Service, looks: list[Health], asked: trio.Event) -> None:
    """Look at the service, from when a new window has begun. It was ``asked`` to begin one when the first answer is there, or
    could not be had."""
    begun = await service.sample() is not None
    asked.set()
    while True:
        await trio.sleep(_LOOK_PERIOD)
        health = await service.sample(reset=not begun)
        if health is not None and begun:
            looks.append(health)
        begun = begun or health is not None
