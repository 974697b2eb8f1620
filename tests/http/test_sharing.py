"""Unit: several processes at one listening socket, and who gives way."""

from __future__ import annotations

import mmap
import select
import socket
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any

import pytest

from tests.servers.shortage import no_descriptors
from trio_lab.http.door import Door
from trio_lab.http.epoll_set import EpollSet
from trio_lab.http.listening import Shortage
from trio_lab.http.sharing import SIZE, Counts, Shared, clear

from .sockets import listening


@pytest.mark.parametrize(
    ("own", "others", "gives_way"),
    [
        (0, (), False),
        (9, (), False),
        (1, (0,), False),
        (2, (0,), True),
        (2, (1, 0), True),
        (7, (5,), True),
        (6, (5,), False),
        (102, (100,), False),
        (114, (100,), True),
        (0, (5,), False),
    ],
)
def test_who_has_clearly_more_than_another_gives_way(own: int, others: tuple[int, ...], gives_way: bool) -> None:
    memory = mmap.mmap(-1, SIZE)
    shared = Shared(memory, 3)
    shared.has(own)
    for number, count in enumerate(others):
        Shared(memory, number).has(count)
    assert shared.has_more is gives_way


def test_a_process_that_has_ended_or_left_is_not_waited_for() -> None:
    memory = mmap.mmap(-1, SIZE)
    shared, killed, left = Shared(memory, 0), Shared(memory, 1), Shared(memory, 2)
    shared.has(5)
    killed.has(0)
    left.has(0)
    assert shared.has_more
    left.leave()
    assert shared.has_more
    clear(memory, 1)
    assert not shared.has_more


def test_the_owner_of_the_counts_sees_what_others_write_and_clears_it() -> None:
    with closing(Counts()) as counts:
        memory = mmap.mmap(counts.descriptor, SIZE)
        shared = Shared(memory, 0)
        shared.has(5)
        Shared(memory, 1).has(0)
        assert shared.has_more
        counts.clear(1)
        assert not shared.has_more


class House:
    """A door whose listener is shared with one other process, which has no connections."""

    def __init__(self, sockets: EpollSet) -> None:
        memory = mmap.mmap(-1, SIZE)
        self.shared, self.other = Shared(memory, 0), Shared(memory, 1)
        self.listener = listening()
        self.address = self.listener.getsockname()
        self.sockets = sockets
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.begun = 0
        self.rests = False
        self.door = Door(
            self.listener,
            sockets,
            idle_time=3600,
            refuse=lambda *_: False,
            begin=lambda *_: None,
            later=lambda seconds, call: self.later.append((seconds, call)),
            shortage=Shortage(),
            shared=self.shared,
            begun=lambda: self.begun,
            may_rest=lambda: self.rests,
        )

    def look(self) -> None:
        assert select.select([self.sockets], [], [], 10)[0]
        self.sockets.look()

    def silent(self) -> int:
        """Connections at the door; the listener is watched too."""
        return len(self.sockets) - (self.listener.fileno() in self.sockets)


def test_one_connection_is_accepted_at_a_time() -> None:
    with EpollSet() as sockets:
        house = House(sockets)
        with closing(house.door), house.door, closing(socket.create_connection(house.address)):
            with closing(socket.create_connection(house.address)):
                house.look()
                assert house.silent() == 1
                house.look()
                assert house.silent() == 2


def test_a_door_that_rests_after_this_look_accepts_until_it_has_clearly_more_than_another() -> None:
    with EpollSet() as sockets, ExitStack() as clients:
        house = House(sockets)
        house.rests = True
        house.other.has(4)
        clients.enter_context(closing(house.door))
        clients.enter_context(house.door)
        for _ in range(9):
            clients.enter_context(closing(socket.create_connection(house.address)))
        house.look()
        assert house.silent() == 6
        house.look()
        assert house.silent() == 6  # it gives way
        _, go_on = house.later.pop()
        go_on()
        assert house.silent() == 7  # nobody else has taken that one
        house.other.leave()
        house.look()
        assert house.silent() == 9


def test_a_door_with_more_connections_waits_and_then_takes_what_is_still_there() -> None:
    with EpollSet() as sockets:
        house = House(sockets)
        house.other.has(0)
        house.begun = 2
        with closing(house.door), house.door, closing(socket.create_connection(house.address)):
            house.look()
            assert house.silent() == 0
            seconds, go_on = house.later.pop()
            assert seconds == Shared.GIVES_WAY
            assert house.listener.fileno() not in sockets  # or the loop would turn all the time
            go_on()
            assert house.silent() == 1


def test_a_listener_that_cannot_be_watched_while_there_are_no_descriptors_is_watched_again() -> None:
    class Full(EpollSet):
        full = False

        def add(self, *watched: Any) -> bool:
            return not self.full and super().add(*watched)

    with Full() as sockets:
        house = House(sockets)
        house.other.has(0)
        house.begun = 2
        with closing(house.door), house.door, socket.socket() as client:
            with no_descriptors():
                client.connect(house.address)
                house.look()
                _, go_on = house.later.pop()
                sockets.full = True
                go_on()
            sockets.full, house.begun = False, 0
            assert [seconds for seconds, _ in house.later[1:]] == [Shortage.PAUSE] * 2
            for _, call in house.later[1:]:
                call()
            house.look()
            assert house.silent() == 1


def test_the_backlog_is_left_to_others_that_go_on_and_only_to_them() -> None:
    for others_go_on in (True, False):
        with EpollSet() as sockets:
            house = House(sockets)
            with closing(socket.socket(fileno=socket.dup(house.listener.fileno()))) as theirs:
                with closing(house.door), closing(socket.create_connection(house.address)):
                    with house.door:
                        house.shared.others_go_on = others_go_on
                    assert house.silent() == (not others_go_on)
                    if others_go_on:
                        accepted, _ = theirs.accept()
                        accepted.close()
