"""What a server says of itself in `/health` while it is loaded.

The first look resets the server's window, and the later ones do not, so the loop's figures cover the whole load. A reset by
another reader shows in the looks: the number of passes falls.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import msgspec
import trio

from trio_lab.errors import in_a_line
from trio_lab.load.client import fetch
from trio_lab.load.target import Target
from trio_lab.records.codec import decode
from trio_lab.records.health import Health

_PERIOD = 0.1  # seconds between two looks


@dataclass(slots=True, kw_only=True, eq=False)
class Inside:
    """The looks in order of time; ``blind`` says why there are none."""

    looks: list[Health] = field(default_factory=list)
    blind: str = ""


@asynccontextmanager
async def watch_inside(url: str, *, insecure: bool = False) -> AsyncIterator[Inside]:
    """Look at the `/health` of the server of ``url`` while the block runs, and once more when it has ended."""
    target = Target.parse(url)
    where = f"http{'s' * target.secure}://{target.authority}/health"
    look = partial(_look, where, insecure=insecure)
    seen = Inside()
    begun = await look(reset=True)
    if isinstance(begun, str):
        seen.blind = f"no figures from {where}: {begun}"
        yield seen
        return
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_keep_looking, look, seen.looks)
        yield seen
        nursery.cancel_scope.cancel()
    if isinstance(last := await look(), str):
        seen.blind = f"{where} no longer answered: {last}"
    else:
        seen.looks.append(last)


async def _keep_looking(look: Callable[[], Awaitable[Health | str]], looks: list[Health]) -> None:
    while True:
        await trio.sleep(_PERIOD)
        if isinstance(seen := await look(), Health):
            looks.append(seen)


async def _look(where: str, *, insecure: bool, reset: bool = False) -> Health | str:
    """The answer, or why there is none."""
    try:
        reply = await fetch(f"{where}?reset={int(reset)}", insecure=insecure)
        if reply.status != 200:
            return f"status {reply.status}"
        health = decode(Health, reply.body)
        return health.partial or health
    except (OSError, trio.TooSlowError) as error:
        return in_a_line(error)
    except msgspec.DecodeError:
        return "what answers there is not trio_lab"
