"""Requests that are left open, and waiting until a server says of its queues what a test needs."""

from __future__ import annotations

import os
import signal
import socket
from typing import Any

from tests.running import Running
from tests.waiting import until
from trio_lab.measure.process import cpu_seconds

_PATIENCE = 60.0  # seconds; far more than a slow machine takes


def ask(server: Running, target: str) -> socket.socket:
    """A request on a connection of its own, whose reply is still to be read."""
    connection = socket.create_connection(server.address, timeout=_PATIENCE)
    connection.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target.encode())
    return connection


def answer(connection: socket.socket) -> tuple[int, bytes]:
    """The status and the body of what comes until the server closes."""
    received = b""
    while piece := connection.recv(65536):
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head[9:12]), body


def queue(server: Running, name: str) -> Any:
    """The record of one queue."""
    return server.queues()[name]


def kill_the_busy_worker(server: Running) -> None:
    """Kill the first of the server's processes that has begun to work since now. (A job that a worker had not read yet
    may go to the next worker, and be no failure at all.)"""
    before = {pid: cpu_seconds(pid) or 0.0 for pid in server.family()[1:]}
    killed: list[int] = []

    def killed_one() -> bool:
        for pid, seconds in before.items():
            if (cpu_seconds(pid) or 0.0) > seconds + 0.3:
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
                break
        return bool(killed)

    until(killed_one)
