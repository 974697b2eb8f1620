"""Unit: commands on standard input, and its end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from trio_lab.admission.on_trio import Bulkhead
from trio_lab.http.control import Commands
from trio_lab.servers.asyncio import control as on_asyncio
from trio_lab.servers.trio import control as on_trio

from .sockets import connected, reset


def resized(*pieces: bytes) -> list[int]:
    sizes: list[int] = []
    commands = Commands(sizes.append)
    for piece in pieces:
        commands.feed(piece)
    return sizes


@pytest.mark.parametrize("line", [b"threads 8\n", b"  threads\t8 \r\n", b"threads 08\n", b"rubbish\nthreads 8\n"])
def test_the_pool_is_resized(line: bytes) -> None:
    assert resized(line) == [8]


def test_a_line_may_come_in_pieces() -> None:
    assert resized(b"thre", b"ads 8", b"\nthreads 9\nthr", b"eads 10\n") == [8, 9, 10]


def test_bounds() -> None:
    assert resized(b"threads 0\nthreads 1\nthreads 1024\nthreads 1025\n") == [1, 1024]


@pytest.mark.parametrize(
    "line",
    [
        b"threads " + b"9" * 5_000,
        b"threads -1",
        b"threads NaN",
        b"threads 1_0",
        b"threads 8.0",
        "threads \uff18".encode(),
        "threads \u00b2".encode(),
        b"threads",
        b"threads ",
        b"threads 8 9",
        b"threads8",
        b"Threads 8",
        b"",
        b"\0\xff\xfe",
        b"threads 8" + b" " * 2_000_000,
        b"threads 8" + b" " * 2_000 + b"9",
    ],
    ids=lambda line: repr(line[:12]),
)
def test_what_is_not_understood_is_said_and_changes_nothing(line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    assert resized(line + b"\nthreads 7\n") == [7]
    assert len(caplog.records) == 1
    assert len(caplog.records[0].getMessage()) < 500


async def test_a_pool_that_cannot_be_resized_stays_as_it_is_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    pool = Bulkhead("native_pool", capacity=4, limit="adaptive")
    Commands(pool.resize).feed(b"threads 3\nthreads 5\n")
    assert pool.capacity == 4
    [first, _] = caplog.records
    assert first.getMessage() == "threads 3: native_pool cannot be resized: its limit is adaptive"


def test_of_a_line_without_an_end_only_the_beginning_is_kept() -> None:
    commands = Commands(lambda size: None)
    for _ in range(100):
        commands.feed(b"x" * 65_536)
    assert len(commands._unread) <= 1_000


@given(st.lists(st.binary()))
def test_no_bytes_are_an_error(pieces: list[bytes]) -> None:
    resized(*pieces, b"\n")


def trio_obeys(commands: Commands, descriptor: int) -> None:
    trio.run(on_trio.obey, commands, descriptor)


def asyncio_obeys(commands: Commands, descriptor: int) -> None:
    asyncio.run(on_asyncio.obey(commands, descriptor))


@pytest.mark.parametrize("obeys", [trio_obeys, asyncio_obeys])
@pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["FIN", "RST"])
def test_what_breaks_has_ended(obeys: Callable[[Commands, int], None], leave: Callable[[socket.socket], None]) -> None:
    sizes: list[int] = []
    with connected() as (client, server):
        client.sendall(b"threads 3\n")
        if leave is reset:  # what was not read yet is lost with a reset
            Commands(sizes.append).feed(server.recv(100))
        leave(client)
        obeys(Commands(sizes.append), server.fileno())
    assert sizes == [3]
