"""Integration: the supervisor itself, with small programs in place of servers."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Barrier

import pytest
import trio

from trio_lab.config import Config
from trio_lab.errors import ServiceLost
from trio_lab.http.listening import listen
from trio_lab.http.sharing import Counts
from trio_lab.servers.processes.showing import Showing
from trio_lab.servers.processes.supervisor import Supervisor

_REPEATS = """
import json, socket, sys
channel = socket.socket(fileno=int(sys.argv[1]))
channel.settimeout(2)
said = channel.makefile("rb")
said.readline()
channel.sendall(json.dumps({"error": said.readline().decode()}).encode() + b"\\n")
"""
"""A program whose error is what it is told after its order."""


async def test_a_process_that_is_being_started_is_told_of_a_resize(tmp_path: Path) -> None:
    config, starting = Config(port=0, processes=2, threads=2), Barrier(2, timeout=10)
    with ExitStack() as stack:

        def command(channel: int, _: int) -> list[str]:
            if starting.wait() == 0:
                trio.from_thread.run_sync(supervisor._resize, 6)  # the orders are written, and no process is there yet
            starting.wait()
            return [sys.executable, "-S", "-c", _REPEATS, str(channel)]

        supervisor = Supervisor(
            config,
            command,
            stack.enter_context(listen(config)),
            tmp_path / "jobs.sqlite",
            stack.enter_context(Showing.opened(config, "lab", None)),
            stack.enter_context(closing(Counts())),
            lambda _: None,
        )
        with pytest.raises(ServiceLost, match="threads 3"):
            await supervisor.run(lambda: None, control=False)
