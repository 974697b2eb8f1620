"""A lab server as a child process, and raw requests to it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from trio_lab.measure.process import children


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    url: str

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    def request(self, target: str, method: str = "GET", **headers: str) -> tuple[int, http.client.HTTPMessage, Any]:
        """Status, headers, and the body read as JSON: a reply that is not JSON fails here."""
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            reply = connection.getresponse()
            body = reply.read()
            assert reply.headers["content-type"] == "application/json"
            return reply.status, reply.headers, json.loads(body) if body else None
        finally:
            connection.close()

    def get(self, target: str) -> Any:
        status, _, body = self.request(target)
        assert status == 200, body
        return body

    def raw(self, data: bytes) -> bytes:
        """Send bytes and read until the server closes."""
        with socket.create_connection(self.address, timeout=30) as connection:
            connection.sendall(data)
            received = b""
            while piece := connection.recv(65536):
                received += piece
            return received

    def family(self) -> list[int]:
        return [self.process.pid, *children(self.process.pid)]


@contextmanager
def running(*flags: str, expect: int = 0, **environ: str) -> Iterator[Running]:
    """A server that must end with the exit code ``expect`` and leave no process behind."""
    process = subprocess.Popen(
        [sys.executable, "-m", "trio_lab", "serve", "--port", "0", "--json", "--control", *flags],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | environ,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, "the server ended before it was ready"
        server = Running(process, json.loads(line)["url"])
        family = server.family()
        assert len(family) > 1
        yield server
        process.stdin.close()
        assert process.wait(30) == expect
        assert not any(alive(pid) for pid in family)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()


def alive(pid: int) -> bool:
    """Runs: neither gone nor a zombie that some parent has yet to reap."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
