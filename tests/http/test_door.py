"""Unit: the door, with real sockets and without an event loop."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.servers.shortage import no_descriptors
from trio_lab.http import door
from trio_lab.http.door import Door
from trio_lab.http.epoll_set import EpollSet
from trio_lab.http.listening import Shortage

from .sockets import listening, reset


class House:
    """A door, and what it has asked for."""

    def __init__(self, sockets: EpollSet, *, idle_time: float = 3600.0, listener: socket.socket | None = None) -> None:
        self.listener = listener or listening()
        self.address = self.listener.getsockname()
        self.sockets = sockets
        self.begun: list[tuple[socket.socket, bytes]] = []
        self.refused: list[bytes] = []
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.door = Door(
            self.listener,
            sockets,
            idle_time=idle_time,
            refuse=self.refuse,
            begin=lambda connected, data: self.begun.append((connected, data)),
            later=lambda seconds, call: self.later.append((seconds, call)),
            shortage=Shortage(),
        )

    def refuse(self, connected: socket.socket, data: bytes) -> bool:
        if data == b"full":
            self.refused.append(data)
        return data == b"full"

    def connect(self, data: bytes = b"") -> socket.socket:
        client = socket.create_connection(self.address)
        client.sendall(data)
        return client

    def look(self) -> None:
        assert select.select([self.sockets], [], [], 10)[0]
        self.sockets.look()

    def wait_later(self) -> None:
        """The time that was asked for last is over."""
        self.later.pop()[1]()


@pytest.fixture
def house() -> Iterator[House]:
    with EpollSet() as sockets:
        house = House(sockets)
        with closing(house.door), house.door:
            yield house
        for connected, _ in house.begun:
            connected.close()


def test_a_connection_begins_with_its_first_bytes(house: House) -> None:
    with house.connect() as client:
        house.look()
        assert house.begun == []
        client.sendall(b"GET /")
        house.look()
        ((connected, data),) = house.begun
        assert (data, connected.getpeername(), connected.gettimeout()) == (b"GET /", client.getsockname(), 0.0)
        client.sendall(b"more")
        assert not select.select([house.sockets], [], [], 0)[0]  # it is not watched any more


def test_bytes_that_have_come_with_the_connection_are_not_waited_for(house: House) -> None:
    with house.connect(b"GET"), house.connect(b"PUT"):
        house.look()
        assert sorted(data for _, data in house.begun) == [b"GET", b"PUT"]


@pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["FIN", "RST"])
def test_a_client_that_leaves_without_a_word_is_let_out(house: House, leave: Callable[[socket.socket], None]) -> None:
    client = house.connect()
    house.look()
    before = len(house.sockets)
    leave(client)
    house.look()
    assert (len(house.sockets), house.begun) == (before - 1, [])


def test_a_connection_may_come_back(house: House) -> None:
    with house.connect(b"one") as client:
        house.look()
        ((connected, _),) = house.begun
        house.door.let_in(connected)
        client.sendall(b"two")
        house.look()
        assert house.begun == [(connected, b"one"), (connected, b"two")]


def test_what_is_refused_at_once_stays_at_the_door(house: House) -> None:
    with house.connect(b"full") as client:
        house.look()
        client.sendall(b"full")
        house.look()
        assert (house.refused, house.begun) == ([b"full", b"full"], [])
        client.sendall(b"GET")
        house.look()
        assert [data for _, data in house.begun] == [b"GET"]


def test_idle_connections_are_closed() -> None:
    with EpollSet() as sockets:
        house = House(sockets, idle_time=0.0)
        with closing(house.door), house.door, house.connect() as idle:
            house.look()
            house.wait_later()
            assert idle.recv(1) == b""


def test_the_next_look_for_idle_connections_is_when_the_first_may_be_one(house: House) -> None:
    ((seconds, _),) = house.later
    assert seconds == 3600.0  # who comes now may stay for so long
    with house.connect():
        house.look()
        house.wait_later()
        assert 0 < house.later[-1][0] < 3600.0


def test_at_its_end_it_accepts_what_waits_and_then_closes_those_that_ask_for_nothing(house: House) -> None:
    with house.connect(b"asks") as asks, house.connect() as silent, house.connect() as late:
        house.door.__exit__()
        late.sendall(b"late")
        house.door.close()
        assert {data for _, data in house.begun} == {b"asks", b"late"}
        assert silent.recv(1) == b""
        for client in (asks, late):
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.recv(1)
    with pytest.raises(ConnectionRefusedError):
        house.connect()
    house.wait_later()
    assert house.later == []  # there is nothing left to look for


def test_who_has_just_connected_is_expected_to_ask_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with EpollSet() as sockets:
        house = House(sockets, idle_time=1.0)
        with closing(house.door), house.door, house.connect() as first, house.connect() as second:
            assert not house.door.expects_first_bytes()
            house.look()
            monkeypatch.setattr(door, "FIRST_BYTES", 3600.0)
            assert house.door.expects_first_bytes()
            monkeypatch.setattr(door, "FIRST_BYTES", 0.0)
            assert not house.door.expects_first_bytes()  # it has been silent for long
            monkeypatch.setattr(door, "FIRST_BYTES", 3600.0)
            first.sendall(b"first")
            house.look()
            assert house.door.expects_first_bytes()
            second.sendall(b"full")
            house.look()
            assert not house.door.expects_first_bytes()  # one that was refused, and is idle now, may be closed
        for connected, _ in house.begun:
            connected.close()


def test_without_descriptors_connections_wait(house: House) -> None:
    client = socket.socket()
    with client, no_descriptors():
        client.connect(house.address)
        client.sendall(b"hello")
        house.look()
        assert not select.select([house.sockets], [], [], 0)[0]  # else the loop would spin
        assert house.later[-1][0] == Shortage.PAUSE
    with house.connect(b"second"):
        house.wait_later()
        house.look()
        assert {data for _, data in house.begun} >= {b"second"}


class Losing(socket.socket):
    """A listener whose next connection the network loses before it is accepted, or a firewall forbids."""

    error: int | None = None

    def accept(self) -> tuple[socket.socket, Any]:
        accepted, address = super().accept()
        if self.error is not None:
            number, self.error = self.error, None
            accepted.close()
            raise OSError(number, "of this connection alone")
        return accepted, address


@pytest.mark.parametrize("number", [errno.EPERM, errno.EPROTO, errno.EHOSTUNREACH, errno.ECONNABORTED])
def test_a_connection_that_is_lost_before_it_is_accepted_costs_no_other(number: int) -> None:
    with EpollSet() as sockets:
        listener = Losing(fileno=listening().detach())
        house = House(sockets, listener=listener)
        with closing(house.door), house.connect(), house.connect(b"second"):
            listener.error = number
            with house.door:
                house.look()
                house.look()
                assert [data for _, data in house.begun] == [b"second"]
                house.connect().close()
                late = house.connect(b"late")
                listener.error = number
            assert [data for _, data in house.begun] == [b"second", b"late"]  # also of those in the backlog at the end
            late.close()
        for connected, _ in house.begun:
            connected.close()


def test_a_connection_that_comes_back_after_the_end_is_closed(house: House) -> None:
    with house.connect(b"one") as client:
        house.look()
        house.door.__exit__()
        house.door.close()
        house.door.let_in(house.begun[0][0])
        assert client.recv(1) == b""


def test_a_connection_that_cannot_be_watched_begins_at_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel bounds how much is watched."""
    with house.connect() as client:
        monkeypatch.setattr(house.sockets, "add", lambda *_: False)
        house.look()
        ((connected, data),) = house.begun
        assert (data, connected.getpeername()) == (b"", client.getsockname())
        house.sockets.remove(house.listener.fileno())
        house.door._listen()
        assert house.later[-1][0] == Shortage.PAUSE  # then it tries to watch the listener again


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.ENOMEM])
def test_without_room_in_the_kernel_nothing_is_watched(number: int) -> None:
    class Full:
        def register(self, *_: object) -> None:
            raise OSError(number, "full")

        def close(self) -> None: ...

    with EpollSet() as sockets, socket.socket() as one:
        sockets._epoll.close()
        sockets._epoll = Full()  # type: ignore[assignment]
        assert not sockets.add(one.fileno(), select.EPOLLIN, print)
        sockets.remove(one.fileno())
        assert len(sockets) == 0
