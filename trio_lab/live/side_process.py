"""The main module of the process beside a service: it reads the service's memory and answers over HTTP.

The service passes it a lifeline and what is asked of it (`Asked`). It ends with the service (`lifeline`),
also if that is killed. SIGINT is for the service alone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

from ..worker.lifeline import tie_life
from .asked import Asked


def main() -> None:
    tie_life(int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asked = Asked.of_argument(sys.argv[2])
    sys.path[:] = asked.sys_path
    asyncio.run(_serve(asked))


async def _serve(asked: Asked) -> None:
    from .dashboard import Page
    from .http import Server
    from .readings import Readings
    from .server import Answers

    answers = Answers(Readings(asked.memory, asked.answers, many=asked.processes), Page(asked.lab))
    listener = socket.socket(fileno=os.dup(asked.listener))
    server = await asyncio.start_server(Server(answers.answer, asked.names).connected, sock=listener)
    async with server:
        await answers.look()
