"""How the generator waits: never past what becomes ready, and never less than until the moment."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
import trio

from trio_lab.load.poller import Poller

FAR = 3600.0


@pytest.fixture
def poller() -> Iterator[Poller]:
    with closing(Poller()) as one:
        yield one


@pytest.fixture
def peer(poller: Poller) -> Iterator[socket.socket]:
    """The other end of a socket that the poller has."""
    ours, its = socket.socketpair()
    with ours, its:
        poller.epoll.register(ours, select.EPOLLIN)
        yield its


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("seconds", [0.0005, 0.0023, 0.0054])
async def test_a_wait_that_nothing_ends_is_over_at_its_moment_and_not_before(
    poller: Poller, seconds: float, exact: bool
) -> None:
    for _ in range(4):  # the first one that is long enough looks for a fast server before it
        now = time.perf_counter()
        assert await poller.wait(now, now + seconds, exact=exact) == []
        assert time.perf_counter() >= now + seconds - 1e-6


@pytest.mark.parametrize("before", [0, 1], ids=["the first wait", "the next one"])
async def test_what_becomes_ready_ends_a_wait_and_other_tasks_run_meanwhile(
    poller: Poller, peer: socket.socket, before: int
) -> None:
    now = time.perf_counter()
    for _ in range(before):
        await poller.wait(now, now + 0.003, exact=True)

    async def write() -> None:
        peer.send(b"x")

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            [(_, flags)] = await poller.wait(now, now + FAR, exact=True)
    assert flags == select.EPOLLIN


async def test_a_cancelled_wait_leaves_a_poller_that_can_wait_again() -> None:
    before = os.listdir("/proc/self/fd")
    with closing(Poller()) as poller:
        now = time.perf_counter()
        with trio.move_on_after(0.005) as scope:
            await poller.wait(now, now + FAR, exact=True)
        assert scope.cancelled_caught
        now = time.perf_counter()
        assert await poller.wait(now, now + 0.003, exact=False) == []
        assert time.perf_counter() >= now + 0.003 - 1e-6
    assert os.listdir("/proc/self/fd") == before
