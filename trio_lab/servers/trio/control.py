"""Standard input as a remote control, on Trio: see `http.control`."""

from __future__ import annotations

import os
from contextlib import suppress

import trio

from ...http.control import Commands


async def obey(commands: Commands, descriptor: int = 0) -> None:
    """Carry out what is said there. Returns at its end, be it that a terminal is gone or a connection breaks."""
    async with trio.lowlevel.FdStream(os.dup(descriptor)) as said:
        with suppress(trio.BrokenResourceError):
            async for data in said:
                commands.feed(data)
