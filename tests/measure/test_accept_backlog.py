"""Unit: connections that the kernel has accepted and the server has not."""

from __future__ import annotations

import socket

import pytest

from trio_lab.measure.accept_backlog import AcceptBacklog


def test_connections_wait_until_they_are_accepted() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=7) as listener:
        queue = AcceptBacklog(listener)
        with (
            socket.create_connection(listener.getsockname()),
            socket.create_connection(listener.getsockname()),
        ):
            assert (queue.statistics().waiting, queue.statistics().max_waiting) == (2, 7)
            listener.accept()[0].close()
            assert queue.statistics().waiting == 1


@pytest.mark.parametrize("listener", [None, socket.socket()])
def test_a_backlog_that_cannot_be_read_is_not_observed(listener: socket.socket | None) -> None:
    if listener is not None:
        listener.close()
    found = AcceptBacklog(listener).statistics()
    assert (found.name, found.waiting, found.max_waiting) == ("accept_backlog", None, None)
