"""Unit: the set of live connections, with real sockets."""

from __future__ import annotations

import socket

from trio_lab.http.connections import LiveConnections


def test_live_connections_are_shut_down_and_no_others() -> None:
    live = LiveConnections()
    inside, client = socket.socketpair()
    beside, bystander = socket.socketpair()
    with inside, client, beside, bystander:
        with live.holding(beside):
            pass
        with live.holding(inside):
            assert len(live) == 1
            live.shut_down()
            assert client.recv(1) == b""  # would wait for ever were it still open
            live.shut_down()  # as often as it takes
        assert len(live) == 0
        beside.sendall(b"x")
        assert bystander.recv(1) == b"x"


def test_a_connection_that_is_closed_already_is_no_error() -> None:
    live = LiveConnections()
    inside, client = socket.socketpair()
    client.close()
    with live.holding(inside):
        inside.close()
        live.shut_down()
