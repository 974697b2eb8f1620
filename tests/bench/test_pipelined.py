"""Unit: what the client that costs next to nothing reads of a reply."""

from __future__ import annotations

import socket

import pytest

from trio_lab.bench.peers import pipelined


@pytest.mark.parametrize("pieces", [[b'{"pid":12,"x":1}'], [b'{"pi', b'd":1', b'2,"x":1}']])
def test_the_pid_of_a_reply_is_read_from_all_of_its_pieces(pieces: list[bytes]) -> None:
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # one read, one piece
    with ours, its:
        for piece in pieces:
            its.send(piece)
        assert pipelined._pid(ours) == 12


@pytest.mark.timeout(5)
def test_a_server_that_closes_before_it_said_its_pid_is_an_error() -> None:
    ours, its = socket.socketpair()
    with ours:
        its.send(b"HTTP/1.1 503 \r\n\r\n")
        its.close()
        with pytest.raises(ConnectionError, match="closed a connection"):
            pipelined._pid(ours)
