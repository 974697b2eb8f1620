"""Unit: how it is found that the client of a held request has left, with real sockets."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable

import pytest

from trio_lab.http.callers import BEGINNING, Caller
from trio_lab.http.epoll_set import EpollSet

from .sockets import connected, reset


def until(sockets: EpollSet, holds: Callable[[], bool]) -> None:
    while not holds():
        select.select([sockets], [], [], 10)
        sockets.look()


@pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["FIN", "RST"])
@pytest.mark.parametrize("pipelined", [b"", b"GET /next"])
def test_a_client_that_closes_is_gone(leave: Callable[[socket.socket], None], pipelined: bytes) -> None:
    left: list[bool] = []
    with connected() as (client, server), EpollSet() as sockets:
        caller = Caller(server, server.send)
        with caller.watched(sockets, lambda: left.append(True)):
            client.sendall(pipelined)
            sockets.look()
            assert not left
            leave(client)
            until(sockets, lambda: bool(left))
            sockets.look()
        assert left == [True]
        assert len(sockets) == 0


def test_a_client_that_has_only_sent_its_end_is_there_until_it_closes() -> None:
    left: list[bool] = []
    with connected() as (client, server), EpollSet() as sockets:
        caller = Caller(server, server.send)
        with caller.watched(sockets, lambda: left.append(True)):
            client.shutdown(socket.SHUT_WR)
            until(sockets, lambda: caller.sent_ahead == BEGINNING)
            assert client.recv(100) == BEGINNING
            sockets.look()
            assert not select.select([sockets], [], [], 0)[0]  # its end is not told again and again
            assert not left
            reset(client)
            until(sockets, lambda: bool(left))


def test_a_client_that_has_not_read_the_replies_before_is_there() -> None:
    def full(_: bytes) -> int:
        raise BlockingIOError

    left: list[bool] = []
    with connected() as (client, server), EpollSet() as sockets:
        caller = Caller(server, full)
        with caller.watched(sockets, lambda: left.append(True)):
            client.shutdown(socket.SHUT_WR)
            assert select.select([sockets], [], [], 10)[0]
            sockets.look()
            assert (caller.sent_ahead, left) == (b"", [])


def test_a_client_is_watched_for_the_length_of_the_block() -> None:
    left: list[bool] = []
    with connected() as (client, server), EpollSet() as sockets:
        with Caller(server, server.send).watched(sockets, lambda: left.append(True)):
            pass
        client.close()
        assert not select.select([sockets], [], [], 0)[0]
        sockets.look()
        assert not left


def test_what_was_removed_by_what_was_told_before_is_not_told() -> None:
    told: list[int] = []
    with connected() as (one, first), connected() as (other, second), EpollSet() as sockets:
        for here, beside in ((first, second), (second, first)):

            def tell(_: int, here: socket.socket = here, beside: socket.socket = beside) -> None:
                told.append(here.fileno())
                sockets.remove(beside.fileno())

            sockets.add(here.fileno(), select.EPOLLIN, tell)
        one.sendall(b"x")
        other.sendall(b"x")
        select.select([first], [], [])
        select.select([second], [], [])
        sockets.look()
        assert len(told) == 1
