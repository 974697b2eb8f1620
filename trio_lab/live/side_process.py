"""The main module of the process beside a service: it reads the service's memory and answers over HTTP.

The service passes it one argument in JSON: descriptors, and what is to be watched. It ends with the service (`lifeline`),
also if that is killed. SIGINT is for the service alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from typing import Any

from ..worker.lifeline import tie_life


def main() -> None:
    asked: dict[str, Any] = json.loads(sys.argv[1])
    tie_life(asked["lifeline"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path[:] = asked["sys_path"]
    asyncio.run(_serve(asked))


async def _serve(asked: dict[str, Any]) -> None:
    from .dashboard import Page
    from .http import Server
    from .memory import Memory
    from .place import Asking
    from .reading import Reading
    from .server import Answers

    asking = Asking(asked["pid"], asked["thread"], asked["signal"], asked["answers"])
    reading = Reading(Memory(asked["memory"]), pid=asked["pid"], thread=asked["thread"], asking=asking)
    answers = Answers(reading, Page(asked.get("lab")))
    listener = socket.socket(fileno=os.dup(asked["listener"]))
    server = await asyncio.start_server(Server(answers.answer, asked["names"]).connected, sock=listener)
    async with server:
        await answers.look()
