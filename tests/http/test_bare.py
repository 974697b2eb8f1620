"""In this process: what a bare connection does by itself, with real sockets."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import trio

from trio_lab.http.bare import _ATTEMPTS
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
