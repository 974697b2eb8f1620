"""A lab server of any runtime as a child process, and raw requests to it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from trio_lab.measure.process import family, lives, open_descriptors
from trio_lab.stage.launch import serve

from .waiting import until


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    url: str
    runtime: str = "trio"
    live: str = ""

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    def exchange(self, target: str, method: str = "GET", **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Status, headers and body of the reply, on a connection of its own; underscores in a name become hyphens.

        Raises:
            OSError, http.client.HTTPException: there was no reply, or what came is none.
        """
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            connection.close()

    def request(self, target: str, method: str = "GET", **headers: str) -> tuple[int, http.client.HTTPMessage, Any]:
        """Status, headers, and the body read as JSON: a reply that is not JSON fails here."""
        status, received, body = self.exchange(target, method, **headers)
        assert received["content-type"] == "application/json"
        return status, received, json.loads(body) if body else None

    def get(self, target: str) -> Any:
        status, _, body = self.request(target)
        assert status == 200, body
        return body

    def queues(self) -> dict[str, Any]:
        """The records of `/health` by the queues' names."""
        return {queue["name"]: queue for queue in self.get("/health?reset=0")["queues"]}

    def raw(self, data: bytes) -> bytes:
        """Send bytes and read until the server closes. One that has refused them may do so with some of them unread,
        which resets the connection: what was received until then counts."""
        received = b""
        with socket.create_connection(self.address, timeout=30) as connection:
            with suppress(ConnectionResetError, BrokenPipeError):
                connection.sendall(data)
            with suppress(ConnectionResetError):
                while piece := connection.recv(65536):
                    received += piece
        return received

    def family(self) -> list[int]:
        """The server and every process that it or one of those started."""
        return family(self.process.pid)

    def settled_descriptors(self) -> int:
        """Open ones of the server without connections: the last client's may take a moment to go."""
        self.get("/health?reset=0")
        counts = [open_descriptors(self.process.pid)]
        while len(counts) < 20 or len(set(counts[-20:])) > 1:
            counts.append(open_descriptors(self.process.pid))
            time.sleep(0.005)
        assert counts[-1] is not None
        return counts[-1]


def until_gone(pids: list[int]) -> None:
    """Returns when none of these processes runs any more."""
    until(lambda: not any(map(lives, pids)))


@contextmanager
def running(
    *flags: str, runtime: str = "trio", program: Sequence[str] = (), expect: int = 0, **environ: str
) -> Iterator[Running]:
    """A server that must end with the exit code ``expect`` and leave no process behind.

    ``program`` is run in place of ``trio-lab serve`` when it is given: it takes its config from the environment.
    """
    process = subprocess.Popen(
        [*program, "--json", "--control", *flags] if program else serve(*flags, runtime=runtime),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | environ,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, "the server ended before it was ready"
        ready = json.loads(line)
        optional = {option.removeprefix("--") for option in ("--live", "--processes") if option in flags}
        assert ready.keys() == {"url", "threads", "workers"} | optional
        server = Running(process, ready["url"], runtime, ready.get("live", ""))
        family = server.family()
        assert len(family) > 1 or runtime != "trio"  # the others start their workers later, or as threads
        yield server
        family = list({*family, *server.family()})
        process.stdin.close()
        assert process.wait(30) == expect
        assert not any(lives(pid) for pid in family)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()
