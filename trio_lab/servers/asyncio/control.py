"""Standard input as a remote control, on asyncio: see `http.control`."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

from ...http.control import Commands


async def obey(commands: Commands, descriptor: int = 0) -> None:
    """As `servers.trio.control.obey`."""
    reader, said = asyncio.StreamReader(), os.fdopen(os.dup(descriptor), "rb")
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), said)
    with suppress(OSError):
        while data := await reader.read(65_536):
            commands.feed(data)
