"""In this process: what a bare connection does by itself, with real sockets."""

from __future__ import annotations

import socket
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from trio_lab.http.bare import _ATTEMPTS, refuse_at_once
from trio_lab.http.connections import LiveConnections
from trio_lab.http.epoll_set import EpollSet
from trio_lab.servers.trio.connection import Bare

from .sockets import connected


async def test_a_client_that_does_not_read_a_refusal_is_cut_off() -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await trio.lowlevel.checkpoint()

    with connected() as (client, server), EpollSet() as sockets:
        server.setblocking(False)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        bare = Bare(server, SimpleNamespace(sleep=sleep), LiveConnections(), sockets, None)
        await bare.send(bytes(100))
        assert (client.recv(200), pauses) == (bytes(100), [])
        await bare.send(bytes(50_000_000))
        assert 0 < len(pauses) < _ATTEMPTS
        while client.recv(1 << 20):
            pass


class Full:
    """Requests whose first bytes are ``full`` find no room."""

    def next_job(self, data: bytes) -> Any:
        size = len(data) if b"close" in data else 4
        return None if data.startswith(b"free") else (SimpleNamespace(closes=b"close" in data, size=size), "job")

    def turn_away(self, request: Any, job: str, connected: socket.socket, *, closes: bool) -> bytes | None:
        assert not closes
        return b"no room" if job == "job" else None


@pytest.mark.parametrize(
    ("data", "ending", "refused"),
    [
        (b"full", False, True),
        (b"free", False, False),
        (b"fullfull", False, False),  # others have to run between two of them
        (b"full, close", False, False),
        (b"full", True, False),
    ],
)
def test_only_a_single_request_is_refused_at_once(data: bytes, ending: bool, refused: bool) -> None:
    context = SimpleNamespace(terminated=SimpleNamespace(is_set=lambda: ending))
    with connected() as (client, server):
        assert refuse_at_once(server, data, context, Full()) is refused  # type: ignore[arg-type]
        client.settimeout(0.0)
        if refused:
            assert client.recv(100) == b"no room"
        else:
            with pytest.raises(BlockingIOError):
                client.recv(100)


def test_a_client_that_lets_refusals_lie_is_cut_off() -> None:
    context = SimpleNamespace(terminated=SimpleNamespace(is_set=lambda: False))
    with connected() as (client, server):
        server.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                server.send(bytes(1 << 20))
        assert refuse_at_once(server, b"full", context, Full())  # type: ignore[arg-type]
        while client.recv(1 << 20):
            pass
